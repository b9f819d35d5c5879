/// What the host can and cannot do, with the remedy in words where it cannot.
public struct HostCapabilities: Sendable, Hashable, Codable {
    /// A size of huge pages that the kernel has.
    public struct HugePages: Sendable, Hashable, Codable {
        /// As in the names of cgroup files: `2MB`, `1GB`.
        public var name: String
        public var pageBytes: Int64
        /// Pages that are reserved (`nr_hugepages`).
        public var pages: Int64

        public init(name: String, pageBytes: Int64, pages: Int64) {
            self.name = name
            self.pageBytes = pageBytes
            self.pages = pages
        }
    }

    /// Controllers that can be enabled below the cgroup parent, among those that limits are enforced with: `cpu`,
    /// `memory`, `pids`, `cpuset`, `io`, `hugetlb`.
    public var controllers: Set<String>
    /// Controller to why it is missing and what to do.
    public var missing: [String: String]
    /// Files of controllers that are there (`cpu.max.burst`, `io.weight`) to why this kernel does not have them. Known
    /// once the cgroup parent exists, so empty from `detect`.
    public var missingFiles: [String: String]
    public var memoryBytes: Int64
    public var cpuCount: Int
    public var kernelRelease: String
    public var bootID: String
    /// SwapTotal of /proc/meminfo; 0 where no swap is on.
    public var swapBytes: Int64
    /// The kernel tells pressure stall information (`cpu.pressure`, /proc/pressure).
    public var hasPressure: Bool
    /// Sizes of huge pages, smallest first.
    public var hugePages: [HugePages]

    public init(
        controllers: Set<String>, missing: [String: String], missingFiles: [String: String] = [:], memoryBytes: Int64,
        cpuCount: Int, kernelRelease: String, bootID: String, swapBytes: Int64 = 0, hasPressure: Bool = false,
        hugePages: [HugePages] = []
    ) {
        self.controllers = controllers
        self.missing = missing
        self.missingFiles = missingFiles
        self.memoryBytes = memoryBytes
        self.cpuCount = cpuCount
        self.kernelRelease = kernelRelease
        self.bootID = bootID
        self.swapBytes = swapBytes
        self.hasPressure = hasPressure
        self.hugePages = hugePages
    }
}
