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

    /// A limit as the status shows it: what is enforced.
    func limit(_ resource: String) -> String? {
        let resources = containers.first?["resources"] as? [String: Any]
        return (resources?["limits"] as? [String: String])?[resource]
    }

    /// Whole seconds from a container's start to its end.
    func runTime(_ name: String) throws -> Double {
        let formatter = ISO8601DateFormatter()
        guard let ended = terminated(name), let start = (ended["startedAt"] as? String).flatMap(formatter.date(from:)),
            let end = (ended["finishedAt"] as? String).flatMap(formatter.date(from:))
        else { throw Failure("container \(name) has no start or no end: \(self)") }
        return end.timeIntervalSince(start)
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

    /// Changes a pod's limits and requests together, as `kubectl patch --subresource resize` does.
    func resize(_ name: String, _ resources: [String: String]) async throws {
        let patch: [String: Any] = [
            "spec": ["containers": [["name": "main", "resources": ["limits": resources, "requests": resources]]]]
        ]
        let text = String(decoding: try JSONSerialization.data(withJSONObject: patch), as: UTF8.self)
        try await kubectl("patch", "pod", name, "--subresource", "resize", "-p", text, deadline: .seconds(120))
            .requireSuccess()
    }

    /// Asks again until a condition holds; what it said last is in the failure.
    func eventually(
        _ what: String, within limit: Duration = .seconds(120), _ condition: () async throws -> (Bool, String)
    ) async throws {
        let end = ContinuousClock.now + limit
        var said = ""
        repeat {
            let (holds, text) = try await condition()
            if holds { return }
            said = text
            try await Task.sleep(for: .milliseconds(200))
        } while ContinuousClock.now < end
        throw Failure("not within \(limit): \(what): \(said)")
    }

    /// The message of the first event of a pod with a reason, when there is one.
    func eventually(_ pod: String, _ reason: String) async throws -> String {
        var message = ""
        try await eventually("\(pod) has an event \(reason)") {
            message = try await events(pod, reason).first ?? ""
            return (!message.isEmpty, "no event")
        }
        return message
    }

    /// CPUs that each cgroup has used on the average over a time.
    func cpuUse(of cgroups: [String], during time: Duration) async throws -> [Double] {
        let clock = ContinuousClock()
        func read() throws -> [Int64] { try cgroups.map { try number($0 + "/cpu.stat", "usage_usec") } }
        let (start, before) = (clock.now, try read())
        try await Task.sleep(for: time)
        let (after, passed) = (try read(), clock.now - start)
        let microseconds =
            Double(passed.components.seconds) * 1e6 + Double(passed.components.attoseconds) / 1e12
        return zip(before, after).map { Double($1 - $0) / microseconds }
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

/// An ext4 file system on a loop device, for limits of block I/O.
struct LoopDevice {
    let device: String
    let mountPoint: String

    init(megabytes: Int, in folder: String) async throws {
        let image = folder + "/disk.img"
        mountPoint = folder + "/disk"
        try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
        func run(_ words: String...) async throws -> CommandResult {
            guard let program = Command.find(words[0]) else { throw Failure("\(words[0]) is not in PATH") }
            let result = try await Command.run(program, Array(words.dropFirst()))
            try result.requireSuccess()
            return result
        }
        _ = try await run("modprobe", "loop")
        // All of its pages are there and are the test's: those of a file on a tmpfs would be charged to the first
        // container that writes them.
        _ = try await run("fallocate", "-l", "\(megabytes)M", image)
        _ = try await run("mkfs.ext4", "-q", "-E", "nodiscard", image)
        device = try await run("losetup", "--find", "--show", image).lines[0]
        _ = try await run("mount", device, mountPoint)
    }

    func remove() async throws {
        for words in [["umount", mountPoint], ["losetup", "--detach", device]] {
            guard let program = Command.find(words[0]) else { throw Failure("\(words[0]) is not in PATH") }
            try await Command.run(program, Array(words.dropFirst())).requireSuccess()
        }
    }
}
