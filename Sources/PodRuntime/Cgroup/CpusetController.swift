/// `cpuset.cpus` and `cpuset.mems`: the CPUs and the memory that a cgroup may use at all.
enum CpusetController: CgroupController {
    static let name = "cpuset"

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        for (file, list) in [("cpuset.cpus", resources.cpus), ("cpuset.mems", resources.memoryNodes)] {
            guard let list, !list.isEmpty else { continue }
            // An empty line is the kernel's default: as the parent has it. A write of no bytes would reach nobody.
            settings.append(CgroupSetting(file: file, value: list, initial: "\n"))
        }
        return settings
    }

    /// The kernel takes a list that the parent does not have, and then gives the cgroup all that the parent has: a pin
    /// that would silently be none.
    ///
    /// - Parameter available: the text of a file of the parent, e.g. `cpuset.cpus.effective`; nil where it cannot be read.
    /// - Throws: `RuntimeError(.configuration)`
    static func check(_ resources: CgroupResources, available: (String) -> String?) throws {
        for (file, list) in [("cpuset.cpus", resources.cpus), ("cpuset.mems", resources.memoryNodes)] {
            guard let list, !list.isEmpty else { continue }
            guard let wanted = NumberList(list) else {
                throw RuntimeError(
                    .configuration, step: "cgroup", object: file,
                    message: "\(file) \"\(list)\" is not a list of numbers and ranges such as 0-1,3")
            }
            guard let text = available("\(file).effective"), let there = NumberList(text) else { continue }
            let lacking = wanted.numbers.subtracting(there.numbers)
            guard lacking.isEmpty else {
                throw RuntimeError(
                    .configuration, step: "cgroup", object: file,
                    message: "\(file) \(list): \(NumberList(lacking)) cannot be had, only \(there)")
            }
        }
    }
}
