import Foundation
import NodeHarness
import Testing

/// Everything runs against one node, one test after the other; a test removes the objects that it has made.
@Suite(.serialized, .enabled(if: geteuid() == 0, "the node needs root"), .node, .timeLimit(.minutes(20)))
enum EndToEnd {
    static let hasKubectl = Command.find("kubectl") != nil
    static let kubectlReason: Comment = "kubectl is not in PATH (apt-get install kubernetes-client)"

    /// The node of this run.
    static func node() throws -> Node { try #require(Node.current) }

    /// Asks again until the condition holds; what it said last is in the failure.
    static func eventually(
        within limit: Duration = .seconds(30), _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () async throws -> (Bool, String)
    ) async throws {
        let end = ContinuousClock.now + limit
        var said = ""
        repeat {
            let (holds, text) = try await condition()
            if holds { return }
            said = text
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < end
        Issue.record("not within \(limit): \(what)\n\(said)", sourceLocation: sourceLocation)
        throw CancellationError()
    }

    /// A JSON document of the API, as our own command line prints it.
    static func object(_ node: Node, _ arguments: String) async throws -> [String: Any] {
        let words = arguments.split(separator: " ").map(String.init)
        let result = try await Command.run(
            "\(Node.programs)/minikube-lite", ["get"] + words + ["-o", "json"],
            environment: ["KUBECONFIG": node.kubeconfig])
        try #require(result.code == 0, "\(result)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }

    /// The pods of a label, as dictionaries.
    static func pods(_ node: Node, _ selector: String) async throws -> [Pod] {
        let list = try await object(node, "pods -l \(selector)")
        return ((list["items"] as? [[String: Any]]) ?? []).map(Pod.init)
    }

    /// What the tests look at of a pod.
    struct Pod: CustomStringConvertible {
        let name: String
        let uid: String
        let phase: String
        let address: String
        let isReady: Bool
        let restarts: Int
        let containerID: String
        let waitingReason: String
        let image: String
        let isBeingDeleted: Bool

        init(_ json: [String: Any]) {
            let metadata = json["metadata"] as? [String: Any] ?? [:]
            let status = json["status"] as? [String: Any] ?? [:]
            let conditions = status["conditions"] as? [[String: Any]] ?? []
            let container = (status["containerStatuses"] as? [[String: Any]])?.first ?? [:]
            let waiting = (container["state"] as? [String: Any])?["waiting"] as? [String: Any]
            name = metadata["name"] as? String ?? ""
            uid = metadata["uid"] as? String ?? ""
            isBeingDeleted = metadata["deletionTimestamp"] != nil
            phase = status["phase"] as? String ?? ""
            address = status["podIP"] as? String ?? ""
            isReady = conditions.contains { $0["type"] as? String == "Ready" && $0["status"] as? String == "True" }
            restarts = container["restartCount"] as? Int ?? 0
            containerID = container["containerID"] as? String ?? ""
            waitingReason = waiting?["reason"] as? String ?? ""
            image = container["image"] as? String ?? ""
        }

        var description: String { "\(name) \(phase) ready=\(isReady) restarts=\(restarts) \(waitingReason) \(image)" }
    }

    /// One HTTP request; the body, or nil.
    static func request(_ address: String, _ path: String = "/") async throws -> String? {
        let curl = try #require(Command.find("curl"))
        let result = try await Command.run(curl, ["-sS", "--max-time", "5", "http://\(address):8000\(path)"])
        return result.code == 0 ? result.output : nil
    }

    /// examples/deployment.yaml with a faster probe, so that a test need not wait for its initial delay.
    static func quickDeployment(replicas: Int = 3, image: String = "myapp:1.4.2", deadline: Int = 600) throws -> String
    {
        try String(contentsOfFile: "\(Node.repository)/examples/deployment.yaml", encoding: .utf8)
            .replacingOccurrences(of: "initialDelaySeconds: 5", with: "initialDelaySeconds: 0")
            .replacingOccurrences(of: "periodSeconds: 10", with: "periodSeconds: 1")
            .replacingOccurrences(
                of: "replicas: 3", with: "replicas: \(replicas)\n  progressDeadlineSeconds: \(deadline)"
            )
            .replacingOccurrences(of: "myapp:1.4.2", with: image)
    }

    /// Applies the quick deployment and waits until it is rolled out.
    static func deploy(_ node: Node, replicas: Int = 3) async throws {
        let applied = try await node.cli("apply", "-f", "-", input: try quickDeployment(replicas: replicas))
        try #require(applied.code == 0, "\(applied)")
        let status = try await node.cli(
            "rollout", "status", "deployment/api-deployment", "--timeout", "60s", deadline: .seconds(70))
        let present = try await pods(node, "app=api")
        try #require(status.code == 0, "\(status)\n\(present)")
    }

    /// Removes the Deployment and waits until its pods are gone, too.
    static func removeDeployment(_ node: Node) async throws {
        try await node.cli("delete", "deployment", "api-deployment", "--ignore-not-found")
        try await eventually("no pod of the deployment is left") {
            let left = try await pods(node, "app=api")
            return (left.isEmpty, "\(left)")
        }
    }
}
