/// One controller of cgroup v2: how what it enforces is written (kernel: admin-guide/cgroup-v2).
///
/// Each has its own file beside this one; nothing else in the tree knows a controller's file names.
protocol CgroupController: Sendable {
    /// As in `cgroup.controllers`.
    static var name: String { get }

    /// The name in /proc/cgroups and in the options of a v1 mount.
    static var legacyName: String { get }

    /// Files that not every kernel has although it has the controller, each with what it takes.
    static var laterFiles: [String: String] { get }

    /// What to write for `resources`. What has the kernel's default is left out.
    static func settings(for resources: CgroupResources) -> [CgroupSetting]

    /// What to write, in this order, where a cgroup has `present` and is to have `resources`.
    static func changes(from present: [CgroupSetting], to resources: CgroupResources) -> [CgroupSetting]
}

extension CgroupController {
    static var legacyName: String { name }
    static var laterFiles: [String: String] { [:] }

    static func changes(from present: [CgroupSetting], to resources: CgroupResources) -> [CgroupSetting] {
        CgroupSetting.changes(from: present, to: settings(for: resources))
    }
}

/// Controllers that limits are enforced with. rdma and misc are left alone: nothing in a pod asks for them.
let cgroupControllers: [any CgroupController.Type] = [
    CpuController.self, MemoryController.self, PidsController.self, CpusetController.self, IOController.self,
    HugetlbController.self,
]

/// Files of `key value` lines: cpu.stat, memory.events, cgroup.events.
func parseFlatKeyed(_ text: String) -> [String: Int64] {
    var values: [String: Int64] = [:]
    for line in text.split(separator: "\n") {
        let parts = line.split(separator: " ")
        if parts.count == 2, let value = Int64(parts[1]) { values[String(parts[0])] = value }
    }
    return values
}
