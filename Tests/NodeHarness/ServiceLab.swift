/// A node with both families in a network of its own, and a client outside of it.
package struct ServiceLab: Sendable {
    package let node: Node
    package let network: TestNetwork

    package init(node: Node, network: TestNetwork) {
        self.node = node
        self.network = network
    }
}

extension ServiceLab {
    package func apply(_ manifest: String) async throws {
        try await node.kubectl("apply", "-f", "-", input: manifest).requireSuccess()
    }

    /// Removes what a manifest made, and waits until its pods are gone.
    package func remove(_ manifest: String) async throws {
        try await node.kubectl(
            "delete", "--ignore-not-found", "--wait", "-f", "-", input: manifest, deadline: .seconds(90)
        ).requireSuccess()
    }

    /// A value of an object, by kubectl's own path language.
    package func value(_ object: String..., path: String) async throws -> String {
        let words = object.flatMap { $0.split(separator: " ").map(String.init) }
        let result = try await node.get(words, path: path)
        try result.requireSuccess()
        return result.output
    }

    package func wait(_ condition: String, _ object: String, seconds: Int = 60) async throws {
        try await node.kubectl(
            "wait", "--for", condition, object, "--timeout", "\(seconds)s", deadline: .seconds(seconds + 10)
        ).requireSuccess()
    }

    /// Waits until a Deployment is rolled out.
    package func rolledOut(_ name: String, seconds: Int = 90) async throws {
        try await node.kubectl(
            "rollout", "status", "deployment/\(name)", "--timeout", "\(seconds)s", deadline: .seconds(seconds + 10)
        ).requireSuccess()
    }

    /// Runs a program of a pod's own file system inside its namespaces.
    package func inside(_ pod: String, _ words: String..., deadline: Duration = .seconds(30)) async throws
        -> CommandResult
    {
        try await node.inside(try await value("pod", pod, path: "{.metadata.uid}"), words, deadline: deadline)
    }

    /// What curl says of an address in a place; nil where it got no answer.
    package func get(_ place: TestNetwork.Place, _ url: String, seconds: Int = 5) async throws -> String? {
        let result = try await network.run(place, "curl", "-sS", "-g", "--max-time", "\(seconds)", url)
        return result.code == 0 ? result.output : nil
    }

    /// A pod of the image `tools`, from which the others are looked at.
    package static let toolsPod = pod("tools", image: "tools", command: "[sleep, infinity]")

    package static func pod(
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
    package static func web(
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
