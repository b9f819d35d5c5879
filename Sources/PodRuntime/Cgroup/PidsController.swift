/// `pids.max`: beyond it fork(2) and clone(2) fail with EAGAIN.
enum PidsController: CgroupController {
    static let name = "pids"

    static func limits(in resources: CgroupResources) -> [String] {
        guard let limit = resources.pidsMax else { return [] }
        return ["pids.max \(limit)"]
    }

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        guard let limit = resources.pidsMax else { return [] }
        return [CgroupSetting(file: "pids.max", value: "\(limit)")]
    }
}
