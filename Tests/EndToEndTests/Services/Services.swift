import Foundation
import NodeHarness
import Testing

/// A node with both families in a network of its own, and a client outside of it.
struct ServiceLab: Sendable {
    @TaskLocal static var current: ServiceLab?

    let node: Node
    let network: TestNetwork
    /// The program that shows what musl's resolver makes of a pod's resolv.conf; built for the tests.
    let muslResolver: String
}

/// Starts the lab around a suite, and checks afterwards that nothing is left of it.
struct ServiceLabScope: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let network = TestNetwork(name: "mkl\(getpid())")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-lab-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let resolvConf = folder.appendingPathComponent("resolv.conf").path
        try "nameserver \(TestNetwork.clientAddress)\n".write(toFile: resolvConf, atomically: true, encoding: .utf8)
        let resolver = folder.appendingPathComponent("musl-resolve").path
        let node = Node(
            flags: ["--cgroup-enforcement", "best-effort", "--resolv-conf", resolvConf], network: network)
        do {
            try await network.make()
            try await Command.run(
                "/usr/bin/env",
                ["musl-gcc", "-static", "-D_GNU_SOURCE", "-O1", "-o", resolver]
                    + ["\(Node.repository)/Tests/responder/main.c"]
            ).requireSuccess()
            try await node.up()
            try await node.importImages()
            try await node.importProgram("responder")
            try await node.importRecipes("tools", "nginx", "python")
            try await ServiceLab.$current.withValue(
                ServiceLab(node: node, network: network, muslResolver: resolver)
            ) { try await function() }
        } catch {
            Issue.record("\(error)\n\(node.log)")
        }
        let left = try await node.remove()
        #expect(left.isEmpty, "the node has left things behind")
        // Devices and rules are in the namespace: looked at before it goes.
        let devices = try await network.run(.node, "ip", "-o", "link")
        #expect(devices.lines.count == 2, "lo and the link to the client: \(devices)")
        let rules = try await network.run(.node, "nft", "list", "ruleset")
        #expect(rules.code == 0 && rules.output.isEmpty, "\(rules)")
        try await network.remove()
        try FileManager.default.removeItem(at: folder)
    }
}

extension EndToEnd {
    /// Services, names and the pods' network, against one node with both families.
    @Suite(ServiceLabScope()) enum Services {
        static func lab() throws -> ServiceLab { try #require(ServiceLab.current) }
    }
}

extension ServiceLab {
    func apply(_ manifest: String) async throws {
        try await node.kubectl("apply", "-f", "-", input: manifest).requireSuccess()
    }

    /// Removes what a manifest made, and waits until its pods are gone.
    func remove(_ manifest: String) async throws {
        try await node.kubectl(
            "delete", "--ignore-not-found", "--wait", "-f", "-", input: manifest, deadline: .seconds(90)
        ).requireSuccess()
    }

    /// A value of an object, by kubectl's own path language.
    func value(_ object: String..., path: String) async throws -> String {
        let words = object.flatMap { $0.split(separator: " ").map(String.init) }
        let result = try await node.get(words, path: path)
        try result.requireSuccess()
        return result.output
    }

    func wait(_ condition: String, _ object: String, seconds: Int = 60) async throws {
        try await node.kubectl(
            "wait", "--for", condition, object, "--timeout", "\(seconds)s", deadline: .seconds(seconds + 10)
        ).requireSuccess()
    }

    /// Waits until a Deployment is rolled out.
    func rolledOut(_ name: String, seconds: Int = 90) async throws {
        try await node.kubectl(
            "rollout", "status", "deployment/\(name)", "--timeout", "\(seconds)s", deadline: .seconds(seconds + 10)
        ).requireSuccess()
    }

    /// Runs a program of a pod's own file system inside its namespaces.
    func inside(_ pod: String, _ words: String..., deadline: Duration = .seconds(30)) async throws -> CommandResult {
        try await node.inside(try await value("pod", pod, path: "{.metadata.uid}"), words, deadline: deadline)
    }

    /// What curl says of an address in a place; nil where it got no answer.
    func get(_ place: TestNetwork.Place, _ url: String, seconds: Int = 5) async throws -> String? {
        let result = try await network.run(place, "curl", "-sS", "-g", "--max-time", "\(seconds)", url)
        return result.code == 0 ? result.output : nil
    }

    /// A pod of the image `tools`, from which the others are looked at.
    static let toolsPod = pod("tools", image: "tools", command: "[sleep, infinity]")

    static func pod(
        _ name: String, image: String, command: String, labels: String = "{}", more: String = "", spec: String = ""
    ) -> String {
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: \(name), labels: \(labels)}
        spec:
          terminationGracePeriodSeconds: 1
        \(spec.indented(2))
          containers:
          - name: main
            image: \(image)
            command: \(command)
        \(more.indented(4))
        ---

        """
    }

    /// A Deployment of myapp that is probed every second, and its Service on port 80 and a node port.
    static func web(
        _ name: String, replicas: Int, image: String = "myapp:1.4.2", port: Int = 8000, nodePort: Int? = nil,
        template: String = "", strategy: String = ""
    ) -> String {
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: \(name)}
        spec:
          replicas: \(replicas)
          progressDeadlineSeconds: 20
          selector: {matchLabels: {app: \(name)}}
        \(strategy.indented(2))
          template:
            metadata: {labels: {app: \(name)}}
            spec:
              containers:
              - name: main
                image: \(image)
                readinessProbe: {httpGet: {path: \(port == 80 ? "/" : "/healthz"), port: \(port)}, periodSeconds: 1}
        \(template.indented(8))
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: \(name)}
        spec:
          type: \(nodePort == nil ? "ClusterIP" : "NodePort")
          ipFamilyPolicy: PreferDualStack
          selector: {app: \(name)}
          ports: [{name: http, port: 80, targetPort: \(port)\(nodePort.map { ", nodePort: \($0)" } ?? "")}]
        ---

        """
    }
}

extension String {
    fileprivate func indented(_ spaces: Int) -> String {
        split(separator: "\n").map { String(repeating: " ", count: spaces) + $0 }.joined(separator: "\n")
    }
}

/// What load-client says at its end.
struct LoadResult: CustomStringConvertible {
    let requests: Int
    let failed: Int
    let resent: Int
    /// Answers by the Server header.
    let servers: [String: Int]
    let description: String

    init(_ result: CommandResult) throws {
        description = result.description
        let last = try #require(result.lines.first { $0.hasPrefix("requests=") }, "\(result)")
        var numbers: [String: Int] = [:]
        for word in last.split(separator: " ") {
            let parts = word.split(separator: "=")
            if parts.count == 2 { numbers[String(parts[0])] = Int(parts[1]) }
        }
        requests = try #require(numbers["requests"])
        failed = try #require(numbers["failed"])
        resent = try #require(numbers["resent"])
        servers = Dictionary(
            result.lines.compactMap { line -> (String, Int)? in
                guard line.hasPrefix("server name=\""), let end = line.range(of: "\" answers=") else { return nil }
                return (String(line[..<end.lowerBound].dropFirst(13)), Int(line[end.upperBound...]) ?? 0)
            }, uniquingKeysWith: +)
    }
}

extension ServiceLab {
    /// Starts a client that counts every failed request.
    func load(_ place: TestNetwork.Place, _ address: String, _ port: Int, _ flags: String...) throws
        -> BackgroundProcess
    {
        try BackgroundProcess(
            network.words(place) + ["\(Node.programs)/load-client"] + flags + [address, "\(port)"])
    }
}
