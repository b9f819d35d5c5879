extension CgroupKnobs {
    /// Why a text is no value of a knob: a sentence for a field's error.
    struct Problem: Error, Hashable {
        var message: String
        init(_ message: String) { self.message = message }
    }

    /// The files that annotations may name, besides `hugetlb.SIZE.max`.
    public static let files = [
        "cpu.idle", "cpu.max", "cpu.max.burst", "cpu.weight", "cpuset.cpus", "cpuset.mems", "io.max", "io.weight",
        "memory.high", "memory.low", "memory.min", "memory.oom.group", "memory.swap.high", "memory.swap.max",
        "pids.max",
    ]

    static let weights: ClosedRange<Int64> = 1...10_000
    /// Microseconds: the kernel refuses shorter quotas and periods, and longer periods.
    private static let shortestTime: Int64 = 1_000
    private static let longestPeriod: Int64 = 1_000_000
    /// Of the kernel (`NR_CPUS`, `MAX_NUMNODES` of a distribution's configuration).
    private static let mostCPUs = 8192
    private static let mostNodes = 1024

    /// Reads one file's value. Throws where there is no such file or the kernel would not take the value.
    mutating func set(_ file: String, to text: String) throws(Problem) {
        switch file {
        case "memory.min": memoryMin = try Self.bytes(text)
        case "memory.low": memoryLow = try Self.bytes(text)
        case "memory.high": memoryHigh = try Self.bytes(text, isLimit: true)
        case "memory.swap.max": memorySwapMax = try Self.bytes(text)
        case "memory.swap.high": memorySwapHigh = try Self.bytes(text)
        case "memory.oom.group": memoryOOMGroup = try Self.flag(text)
        case "cpu.max": cpuMax = try Self.cpuMax(text)
        case "cpu.max.burst": cpuMaxBurst = try Self.number(text, in: 0...Int64.max / 1_000, "microseconds")
        case "cpu.weight": cpuWeight = try Self.number(text, in: Self.weights)
        case "cpu.idle": cpuIdle = try Self.flag(text)
        case "pids.max": pidsMax = try Self.count(text)
        case "cpuset.cpus": cpus = try Self.list(text, below: Self.mostCPUs)
        case "cpuset.mems": memoryNodes = try Self.list(text, below: Self.mostNodes)
        case "io.max": ioMax = try Self.ioMax(text)
        case "io.weight": ioWeight = try Self.number(text, in: Self.weights)
        case "memory.max": throw Problem("use `resources.limits[memory]` instead of memory.max")
        default:
            guard let size = HugePageSize(limitFile: file) else { throw Self.unknown(file) }
            hugePages[size.kernelName] = try Self.hugePages(text, size)
        }
    }

    private static func unknown(_ file: String) -> Problem {
        Problem("unknown file \"\(file)\": known are \(files.joined(separator: ", ")), hugetlb.SIZE.max")
    }

    // MARK: Values

    /// - Parameter isLimit: nothing runs within zero bytes.
    private static func bytes(_ text: String, isLimit: Bool = false) throws(Problem) -> Amount {
        if text == "max" { return .max }
        guard let parsed = Quantity(text).parsed else {
            throw Problem("must be a quantity of bytes such as 64Mi, or \"max\"")
        }
        guard parsed.nanos >= 0 else { throw Problem(FieldErrors.notNegative) }
        guard parsed.nanos % Quantity.nanosPerUnit == 0 else { throw Problem("must be whole bytes") }
        guard !isLimit || parsed.nanos > 0 else { throw Problem(FieldErrors.positive) }
        return .value(Quantity(parsed).value)
    }

    private static func hugePages(_ text: String, _ size: HugePageSize) throws(Problem) -> Amount {
        let amount = try bytes(text)
        guard let number = amount.number, number % size.bytes != 0 else { return amount }
        throw Problem("must be a multiple of \(size.kernelName)")
    }

    private static func number(
        _ text: String, in range: ClosedRange<Int64>, _ unit: String = ""
    ) throws(Problem) -> Int64 {
        guard let value = decimal(text), range.contains(value) else {
            let unit = unit.isEmpty ? "" : " \(unit)"
            guard range.upperBound == weights.upperBound else {
                throw Problem("must be a whole number of\(unit), \(range.lowerBound) or more")
            }
            throw Problem("must be a whole number between \(range.lowerBound) and \(range.upperBound), inclusive")
        }
        return value
    }

    private static func count(_ text: String) throws(Problem) -> Amount {
        if text == "max" { return .max }
        guard let value = decimal(text), value > 0 else {
            throw Problem("must be a whole number greater than 0, or \"max\"")
        }
        return .value(value)
    }

    private static func flag(_ text: String) throws(Problem) -> Bool {
        guard text == "0" || text == "1" else { throw Problem("must be 0 or 1") }
        return text == "1"
    }

    /// Digits only: the kernel's files take no signs and no spaces inside.
    private static func decimal(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(text)
    }

    /// `QUOTA`, `QUOTA PERIOD` or `max PERIOD`.
    private static func cpuMax(_ text: String) throws(Problem) -> CPUMax {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 1 || words.count == 2 else { throw Problem("must be \"QUOTA PERIOD\" in microseconds") }
        let period = words.count == 2 ? decimal(words[1]) : CPUMax.defaultPeriod
        guard let period, (shortestTime...longestPeriod).contains(period) else {
            throw Problem("the period must be between \(shortestTime) and \(longestPeriod) microseconds, inclusive")
        }
        if words[0] == "max" { return CPUMax(quota: .max, period: period) }
        guard let quota = decimal(words[0]), quota >= shortestTime, quota <= Int64.max / 1_000 else {
            throw Problem("the quota must be \"max\", or \(shortestTime) microseconds or more")
        }
        return CPUMax(quota: .value(quota), period: period)
    }

    /// `0-3,5`: numbers below a bound, ranges in order.
    private static func list(_ text: String, below bound: Int) throws(Problem) -> String {
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: "-", omittingEmptySubsequences: false)
            guard let first = ends.first.flatMap({ decimal($0) }), let last = ends.last.flatMap({ decimal($0) }),
                ends.count <= 2, first <= last
            else { throw Problem("must be a list such as 0-3,5") }
            guard last < bound else { throw Problem("numbers must be less than \(bound)") }
        }
        return text
    }

    /// `DEVICE rbps=.. wbps=.. riops=.. wiops=..`, devices separated by `;`.
    private static func ioMax(_ text: String) throws(Problem) -> [IOLimit] {
        var limits: [IOLimit] = []
        for line in text.split(separator: ";", omittingEmptySubsequences: false) {
            let words = line.split(separator: " ")
            guard let device = words.first.map(String.init), isDevice(device) else {
                throw Problem("each line must begin with a device, such as 8:16 or /dev/sdb")
            }
            guard !limits.contains(where: { $0.device == device }) else {
                throw Problem("device \(device) stands twice")
            }
            guard words.count > 1 else { throw Problem("device \(device) has no limit: rbps, wbps, riops or wiops") }
            var limit = IOLimit(device: device)
            for word in words.dropFirst() {
                let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard sides.count == 2, let target = ioKeys[String(sides[0])] else {
                    throw Problem("\"\(word)\" is not one of rbps=, wbps=, riops=, wiops=")
                }
                guard limit[keyPath: target.path] == nil else { throw Problem("\(sides[0]) stands twice") }
                do {
                    limit[keyPath: target.path] =
                        try target.isBytes
                        ? bytes(String(sides[1]), isLimit: true) : count(String(sides[1]))
                } catch {
                    throw Problem("\(sides[0]): \(error.message)")
                }
            }
            limits.append(limit)
        }
        return limits
    }

    private static var ioKeys: [String: (path: WritableKeyPath<IOLimit, Amount?>, isBytes: Bool)] {
        [
            "rbps": (\.readBytes, true), "wbps": (\.writeBytes, true), "riops": (\.readOperations, false),
            "wiops": (\.writeOperations, false),
        ]
    }

    /// `MAJOR:MINOR`, or a path below /dev.
    private static func isDevice(_ text: String) -> Bool {
        if text.hasPrefix("/dev/") {
            return !text.hasSuffix("/") && !text.split(separator: "/", omittingEmptySubsequences: false).contains("..")
        }
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false)
        return numbers.count == 2 && numbers.allSatisfy { decimal($0).map { $0 < 1 << 20 } ?? false }
    }
}
