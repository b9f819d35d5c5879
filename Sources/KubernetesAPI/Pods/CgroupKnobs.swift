/// Limits of one cgroup that Kubernetes has no field for, as the annotations of a pod ask for them
/// (`CgroupAnnotations`). What is nil was not asked for: the node decides.
public struct CgroupKnobs: Sendable, Hashable {
    /// A bound of the kernel's: a number, or none.
    public enum Amount: Sendable, Hashable {
        case max
        case value(Int64)

        /// Nil for `max`.
        public var number: Int64? { if case .value(let number) = self { number } else { nil } }
    }

    /// `cpu.max`, microseconds: of CPU time in each period.
    public struct CPUMax: Sendable, Hashable {
        /// 1000 or more.
        public var quota: Amount
        /// 1000...1000000.
        public var period: Int64

        public init(quota: Amount, period: Int64 = CPUMax.defaultPeriod) {
            self.quota = quota
            self.period = period
        }

        public static let defaultPeriod: Int64 = 100_000
    }

    /// One device's line of `io.max`: per second; nil is not asked for.
    public struct IOLimit: Sendable, Hashable {
        /// A device's numbers (`8:16`) or its path (`/dev/sdb`).
        public var device: String
        public var readBytes: Amount?
        public var writeBytes: Amount?
        public var readOperations: Amount?
        public var writeOperations: Amount?

        public init(device: String) { self.device = device }
    }

    /// Bytes that are never reclaimed, and bytes that are reclaimed last (`memory.min`, `memory.low`).
    public var memoryMin: Amount?
    public var memoryLow: Amount?
    /// Bytes from which on the cgroup is slowed down and reclaimed from.
    public var memoryHigh: Amount?
    /// Bytes of swap, and of swap from which on the cgroup is slowed down.
    public var memorySwapMax: Amount?
    public var memorySwapHigh: Amount?
    /// Whether an OOM kill takes the whole cgroup.
    public var memoryOOMGroup: Bool?
    public var cpuMax: CPUMax?
    /// Microseconds that may be saved up of unused quota.
    public var cpuMaxBurst: Int64?
    /// 1...10000.
    public var cpuWeight: Int64?
    /// Whether the cgroup runs only when nothing else wants to.
    public var cpuIdle: Bool?
    /// Processes and threads.
    public var pidsMax: Amount?
    /// Lists such as `0-3,5`.
    public var cpus: String?
    public var memoryNodes: String?
    public var ioMax: [IOLimit] = []
    /// 1...10000, the weight for every device.
    public var ioWeight: Int64?
    /// Bytes by the kernel's name of the page size: `2MB`, `1GB`.
    public var hugePages: [String: Amount] = [:]

    public init() {}

    public var isEmpty: Bool { self == CgroupKnobs() }
}
