import Foundation
import NodeHarness

/// A pod of payload containers, as JSON for kubectl.
struct LimitedPod {
    struct Container {
        var name: String
        var arguments: [String]
        var limits: [String: String] = [:]
        var requests: [String: String] = [:]
        /// More fields of the container.
        var fields: [String: Any] = [:]
    }

    var name: String
    var containers: [Container]
    var annotations: [String: String] = [:]
    /// More fields of the spec.
    var spec: [String: Any] = [:]

    init(_ name: String, containers: [Container]) {
        self.name = name
        self.containers = containers
    }

    /// A pod of one container, `main`.
    init(
        _ name: String, _ arguments: [String], limits: [String: String] = [:], requests: [String: String] = [:],
        annotations: [String: String] = [:]
    ) {
        self.init(
            name,
            containers: [Container(name: "main", arguments: arguments, limits: limits, requests: requests)])
        self.annotations = annotations
    }

    var json: String {
        get throws {
            var spec: [String: Any] = [
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                "containers": containers.map { container in
                    [
                        "name": container.name, "image": "payload:latest", "args": container.arguments,
                        "imagePullPolicy": "IfNotPresent",
                        "resources": ["limits": container.limits, "requests": container.requests],
                    ].merging(container.fields) { $1 }
                },
            ]
            spec.merge(self.spec) { $1 }
            let pod: [String: Any] = [
                "apiVersion": "v1", "kind": "Pod", "metadata": ["name": name, "annotations": annotations],
                "spec": spec,
            ]
            return String(decoding: try JSONSerialization.data(withJSONObject: pod), as: UTF8.self)
        }
    }
}

/// A pod as the API shows it.
struct PodView: CustomStringConvertible {
    let json: [String: Any]

    var metadata: [String: Any] { json["metadata"] as? [String: Any] ?? [:] }
    var status: [String: Any] { json["status"] as? [String: Any] ?? [:] }
    var phase: String { status["phase"] as? String ?? "" }
    var uid: String { metadata["uid"] as? String ?? "" }
    var qosClass: String { status["qosClass"] as? String ?? "" }

    var containers: [[String: Any]] { status["containerStatuses"] as? [[String: Any]] ?? [] }

    func container(_ name: String) -> [String: Any] { containers.first { $0["name"] as? String == name } ?? [:] }

    func condition(_ type: String) -> [String: Any]? {
        (status["conditions"] as? [[String: Any]] ?? []).first { $0["type"] as? String == type }
    }

    var isRunning: Bool {
        phase == "Running" && !containers.isEmpty
            && containers.allSatisfy { ($0["state"] as? [String: Any])?["running"] != nil }
    }

    /// How a container's last run ended.
    func terminated(_ name: String) -> [String: Any]? {
        let container = container(name)
        return
            ((container["state"] as? [String: Any])?["terminated"]
            ?? (container["lastState"] as? [String: Any])?["terminated"]) as? [String: Any]
    }

    var description: String {
        let data = try? JSONSerialization.data(withJSONObject: status, options: [.sortedKeys])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}

extension Node {
    func run(_ pod: LimitedPod) async throws {
        try await kubectl("apply", "-f", "-", input: try pod.json, deadline: .seconds(120)).requireSuccess()
    }

    func delete(_ name: String) async throws {
        try await kubectl("delete", "pod", name, deadline: .seconds(120)).requireSuccess()
    }

    /// The pod, when a condition holds for it.
    @discardableResult
    func pod(
        _ name: String, within limit: Duration = .seconds(120), _ condition: (PodView) throws -> Bool
    ) async throws -> PodView {
        let end = ContinuousClock.now + limit
        var pod = PodView(json: [:])
        repeat {
            let result = try await cli("get", "pod", name, "-o", "json")
            if result.code == 0,
                let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
            {
                pod = PodView(json: json)
                if try condition(pod) { return pod }
            }
            try await Task.sleep(for: .milliseconds(200))
        } while ContinuousClock.now < end
        throw Failure("pod \(name) is not as it should be within \(limit): \(pod)")
    }

    /// Messages of the events with a reason that are about a pod.
    func events(_ pod: String, _ reason: String) async throws -> [String] {
        let result = try await kubectl(
            "get", "events", "--field-selector", "involvedObject.name=\(pod),reason=\(reason)", "-o",
            "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}", deadline: .seconds(120))
        try result.requireSuccess()
        return result.lines
    }

    /// The cgroup of a pod, or of its container's present attempt.
    func cgroup(_ pod: PodView, _ container: String? = nil) throws -> String {
        let level = ["Guaranteed": "", "Burstable": "/burstable", "BestEffort": "/besteffort"][pod.qosClass] ?? ""
        let path = "/sys/fs/cgroup/\(cgroupParent)\(level)/pod\(pod.uid)"
        guard let container else { return path }
        let attempt = pod.container(container)["restartCount"] as? Int ?? 0
        return "\(path)/\(container)-\(attempt)"
    }

    /// A file of a cgroup, without the last line's end.
    func read(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// A number of a file of `key value` lines.
    func number(_ path: String, _ key: String) throws -> Int64 {
        for line in try read(path).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == Substring(key), words.count == 2, let value = Int64(words[1]) { return value }
        }
        throw Failure("\(path) has no \(key)")
    }
}
