import KubernetesAPI

/// What an experiment can vary: a limit of the kernel by the name of its file, or a variable of the workload's
/// environment.
public struct Knob: Sendable, Hashable {
    /// How the knob's values are written and counted.
    enum Form: Sendable, Hashable {
        /// Bytes, as a quantity: `64Mi`.
        case bytes
        /// CPUs, as a quantity: `250m`.
        case cores
        /// Microseconds, or text such as `10ms`.
        case microseconds(ClosedRange<Int64>)
        case count(ClosedRange<Int64>)
        /// 0 or 1.
        case flag
        /// The kernel's own text.
        case text
        /// Any scalar.
        case free
    }

    /// Where the value goes.
    enum Target: Sendable, Hashable {
        /// `resources.limits.memory`.
        case memoryMax
        /// `resources.limits.cpu`, or the annotation `cpu.max` where the period is not the default one.
        case cpuMax
        /// The period of `cpu.max`; the quota grows with it.
        case cpuPeriod
        /// The annotation of a cgroup file.
        case annotation(file: String)
        /// One limit (`rbps`, `wbps`, `riops`, `wiops`) of a device in the annotation `io.max`.
        case ioMax(device: String, limit: String)
        /// A variable of the container's environment; `$(NAME)` in its arguments has the value.
        case environment(String)
    }

    /// The kernel's name of the file, `cpu.max.period`, or the variable's name.
    public let name: String
    let form: Form
    let target: Target
    /// Whether `max`, no limit, is a value.
    let hasMax: Bool

    /// A knob by name; nil where there is none. `io.max` takes the kernel's text; see `ioMax` for one limit of it.
    init?(named name: String) {
        self.name = name
        switch name {
        case "memory.max": (form, target, hasMax) = (.bytes, .memoryMax, true)
        case "cpu.max": (form, target, hasMax) = (.cores, .cpuMax, true)
        case "cpu.max.period": (form, target, hasMax) = (.microseconds(1_000...1_000_000), .cpuPeriod, false)
        default:
            guard let (form, hasMax) = Self.annotated[name] ?? Self.hugePages(name) else { return nil }
            (self.form, target, self.hasMax) = (form, .annotation(file: name), hasMax)
        }
    }

    init(environment name: String) {
        (self.name, form, target, hasMax) = (name, .free, .environment(name), false)
    }

    /// Bytes or operations per second of one device.
    init(ioLimit limit: String, device: String) {
        name = "io.max"
        form = limit.hasSuffix("bps") ? .bytes : .count(1...Int64.max)
        target = .ioMax(device: device, limit: limit)
        hasMax = true
    }

    static let ioLimits = ["rbps", "riops", "wbps", "wiops"]

    /// Every knob that has a name, for messages.
    static let names =
        (["cpu.max", "cpu.max.period", "memory.max"] + annotated.keys).sorted() + ["hugetlb.SIZE.max"]

    /// The annotation family's files (`CgroupKnobs.files`) but for `cpu.max`.
    private static let annotated: [String: (Form, Bool)] = [
        "cpu.idle": (.flag, false),
        "cpu.max.burst": (.microseconds(0...Int64.max / 1_000), false),
        "cpu.weight": (.count(1...10_000), false),
        "cpuset.cpus": (.text, false),
        "cpuset.mems": (.text, false),
        "io.max": (.text, false),
        "io.weight": (.count(1...10_000), false),
        "memory.high": (.bytes, true),
        "memory.low": (.bytes, true),
        "memory.min": (.bytes, true),
        "memory.oom.group": (.flag, false),
        "memory.swap.high": (.bytes, true),
        "memory.swap.max": (.bytes, true),
        "pids.max": (.count(1...4_194_304), true),
    ]

    private static func hugePages(_ name: String) -> (Form, Bool)? {
        name.hasPrefix("hugetlb.") && name.hasSuffix(".max") && name.split(separator: ".").count == 3
            ? (.bytes, true) : nil
    }

    /// The cgroup controller that has to be there.
    var controller: String? {
        if case .environment = target { return nil }
        return name.split(separator: ".").first.map(String.init)
    }

    var unit: ExperimentUnit {
        switch (form, target) {
        case (.bytes, .ioMax): .bytesPerSecond
        case (_, .ioMax): .perSecond
        case (.bytes, _): .bytes
        case (.cores, _): .cores
        case (.microseconds, _): .microseconds
        case (.count, _): name == "pids.max" ? .count : .none
        default: .none
        }
    }

    /// Whether values lie on a number line.
    var isNumeric: Bool {
        switch form {
        case .bytes, .cores, .microseconds, .count, .free: true
        case .flag, .text: false
        }
    }

    /// The finest step between two values, in the knob's unit: what the kernel or the API rounds to.
    var grain: Double {
        switch (form, target) {
        case (.bytes, .ioMax): 1
        // The kernel counts memory in pages.
        case (.bytes, _): 4096
        // The API counts CPUs in thousandths.
        case (.cores, _): 0.001
        default: 1
        }
    }
}
