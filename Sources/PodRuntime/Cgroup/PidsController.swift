/// `pids.max`: beyond it fork(2) and clone(2) fail with EAGAIN.
enum PidsController: CgroupController {
    static let name = "pids"

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        settings.add("pids.max", resources.pidsMax, initial: "max")
        return settings
    }
}
