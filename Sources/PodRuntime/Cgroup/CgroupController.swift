/// One controller of cgroup v2: how the limits that it enforces are written (kernel: admin-guide/cgroup-v2).
///
/// Each has its own file beside this one; nothing else in the tree knows a controller's file names.
protocol CgroupController: Sendable {
    /// As in `cgroup.controllers`.
    static var name: String { get }

    /// The limits among `resources` that only this controller enforces, in words for an error; empty where none is
    /// asked for. Weights are not limits: without the controller they are left out silently, since nothing is promised.
    static func limits(in resources: CgroupResources) -> [String]

    /// What to write, in this order.
    static func settings(for resources: CgroupResources) -> [CgroupSetting]
}

/// One line for one file of a cgroup.
struct CgroupSetting: Hashable {
    var file: String
    var value: String
    /// The file is not there on every kernel that has the controller.
    var optional = false
}

/// All controllers that limits are enforced with.
let cgroupControllers: [any CgroupController.Type] = [CpuController.self, MemoryController.self, PidsController.self]

/// Files of `key value` lines: cpu.stat, memory.events, cgroup.events.
func parseFlatKeyed(_ text: String) -> [String: Int64] {
    var values: [String: Int64] = [:]
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: " ")
        if parts.count == 2, let value = Int64(parts[1]) { values[String(parts[0])] = value }
    }
    return values
}
