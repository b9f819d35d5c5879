import Foundation
import NodeHarness
import Testing

extension ServiceLab {
    /// The lab that the suite runs with.
    @TaskLocal static var current: ServiceLab?
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
        let node = Node(
            flags: ["--cgroup-enforcement", "best-effort", "--resolv-conf", resolvConf], network: network)
        do {
            try await network.make()
            try await node.up()
            try await node.importImages()
            try await node.importProgram("responder")
            try await node.importRecipes("tools", "nginx", "python")
            try await ServiceLab.$current.withValue(
                ServiceLab(node: node, network: network)
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
