import LinuxKernel
import PodRuntime

/// What was allocated to pods that have been resized, on disk: a file per pod, written before anything is changed
/// (kubelet: `allocated_pods_state`). Of other pods the sandbox's facts tell it (`SandboxConfiguration.labels`).
///
/// All calls block.
struct AllocationStore: Sendable {
    let directory: String

    /// Durable when it returns.
    func write(_ allocation: PodAllocation, of uid: String) throws {
        try check(uid)
        try FileAccess.makeDirectories(directory, mode: 0o700)
        try FileAccess.replace("\(directory)/\(uid)", with: Array(allocation.text.utf8))
    }

    /// A pod that has none is no error.
    func remove(_ uid: String) throws {
        try check(uid)
        let path = "\(directory)/\(uid)"
        if FileAccess.exists(path) { try FileAccess.remove(path) }
    }

    /// What can be read, by pod, and what cannot, in words.
    func all() -> (allocations: [String: PodAllocation], problems: [String]) {
        var found: [String: PodAllocation] = [:]
        var problems: [String] = []
        for name in (try? FileAccess.list(directory)) ?? [] where !name.hasPrefix(".") {
            if let text = try? FileAccess.readText("\(directory)/\(name)"), let allocation = PodAllocation(text: text) {
                found[name] = allocation
            } else {
                problems.append("\(directory)/\(name) is no allocation of a pod")
            }
        }
        return (found, problems)
    }

    /// A uid is made by the API; it is a file's name here all the same.
    private func check(_ uid: String) throws {
        guard !uid.isEmpty, !uid.hasPrefix("."), !uid.contains("/") else {
            throw RuntimeError(
                .configuration, step: "allocation", object: uid, message: "\"\(uid)\" cannot be the name of a file")
        }
    }
}

extension SandboxConfiguration {
    /// The label that has the pod's allocation at the start of its sandbox.
    static let allocationLabel = "allocation"
}
