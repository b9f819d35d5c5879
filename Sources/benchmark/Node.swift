import Foundation
import KubernetesAPI

/// The node that is measured: its API, and where its files and cgroups are.
struct Node: Sendable {
    let client: APIClient
    let logDirectory: String
    let cgroupParent: String
    let agentProcess: Int32
    let image: String

    static let namespace = "default"
    static let deadline: Duration = .seconds(60)

    func pod(_ name: String, restartPolicy: RestartPolicy, command: [String] = ["run"]) -> Pod {
        var container = Container()
        container.name = "payload"
        container.image = image
        container.args = command
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = Self.namespace
        pod.metadata.labels = ["app": "benchmark"]
        pod.spec.containers = [container]
        pod.spec.restartPolicy = restartPolicy
        pod.spec.terminationGracePeriodSeconds = 5
        return pod
    }

    /// Waits on a watch until `condition` holds for the pod of that name (nil: it is gone).
    func wait(for name: String, until condition: @Sendable @escaping (Pod?) -> Bool) async throws {
        let present: Pod?
        do {
            present = try await client.get(Pod.self, name, namespace: Self.namespace)
        } catch let error as APIError where error.isNotFound {
            present = nil
        }
        if condition(present) { return }
        var options = ["fieldSelector": "metadata.name=\(name)"]
        if let version = present?.metadata.resourceVersion { options["resourceVersion"] = version }
        let events = try await client.watch(Pod.self, namespace: Self.namespace, options: options)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for try await event in events {
                    let pod = event.type == "DELETED" ? nil : try Pod(json: event.object)
                    if condition(pod) { return true }
                }
                return false
            }
            group.addTask {
                try await Task.sleep(for: Self.deadline)
                return false
            }
            let met = try await group.next() ?? false
            group.cancelAll()
            guard met else { throw BenchmarkError("pod \(name): not as expected within \(Self.deadline)") }
        }
    }

    /// The first number after `word` in the log of a pod's attempt, read again until it stands there.
    func stamp(_ word: String, of pod: Pod, attempt: Int = 0) async throws -> Int64 {
        for _ in 0..<2000 {
            if let log = openLog(of: pod, attempt: attempt), let value = try Self.stamp(word, in: log) { return value }
            try await Task.sleep(for: .milliseconds(2))
        }
        throw BenchmarkError("pod \(pod.metadata.name), attempt \(attempt): no line \"\(word)\" in its log")
    }

    /// The log file itself: what is open can be read when the pod and its logs are gone.
    func openLog(of pod: Pod, attempt: Int = 0) -> FileHandle? {
        let folder = "\(logDirectory)/\(Self.namespace)_\(pod.metadata.name)_\(pod.metadata.uid)"
        return FileHandle(forReadingAtPath: "\(folder)/payload/\(attempt).log")
    }

    static func stamp(_ word: String, in log: FileHandle) throws -> Int64? {
        try log.seek(toOffset: 0)
        for line in String(decoding: try log.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 5, words[3] == word, let value = Int64(words[4]) { return value }
        }
        return nil
    }

    /// The process ids in the pod's cgroup, wherever its class of service put it.
    func processes(of pod: Pod) -> [Int32] {
        let paths = ["", "/burstable", "/besteffort"].map { "\(cgroupParent)\($0)/pod\(pod.metadata.uid)" }
        guard let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }),
            let entries = try? FileManager.default.subpathsOfDirectory(atPath: path)
        else { return [] }
        return entries.filter { $0.hasSuffix("cgroup.procs") }
            .compactMap { try? String(contentsOfFile: "\(path)/\($0)", encoding: .utf8) }
            .flatMap { $0.split(separator: "\n").compactMap { Int32($0) } }
    }

    func delete(_ name: String) async throws {
        try await client.delete(Pod.self, name, namespace: Self.namespace)
        try await wait(for: name) { $0 == nil }
    }
}
