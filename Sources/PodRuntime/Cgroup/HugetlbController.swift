/// `hugetlb.<size>.max`: beyond it a page fault on huge pages ends in SIGBUS.
enum HugetlbController: CgroupController {
    static let name = "hugetlb"

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        for (size, bytes) in resources.hugePages.sorted(by: { $0.key < $1.key }) {
            settings.add("hugetlb.\(size).max", bytes, initial: "max")
        }
        return settings
    }
}
