import KubernetesAPI

extension Knob {
    /// Leaves the knob as the node sets it.
    static let none = ExperimentValue.word("none")
    /// No limit.
    static let max = ExperimentValue.word("max")

    /// Why a text is no value of a knob.
    struct Problem: Error, Hashable {
        let message: String
        init(_ message: String) { self.message = message }
    }

    /// Reads a value of a list.
    func value(_ json: JSONValue) throws(Problem) -> ExperimentValue {
        if json == "none" { return Self.none }
        if json == "max", hasMax { return Self.max }
        switch form {
        case .text:
            switch json {
            case .string(let text) where !text.isEmpty: return .word(text)
            case .integer(let number): return .word(String(number))
            default: throw Problem("must be text as the kernel's \(name) takes it")
            }
        case .free:
            switch json {
            case .string(let text): return ExperimentValue(text)
            case .bool(let flag): return .word(flag ? "true" : "false")
            default: return .number(try number(json))
            }
        case .flag:
            switch json {
            case .bool(let flag): return .word(flag ? "1" : "0")
            case .integer(0), .integer(1): return .word(json.text)
            default: throw Problem("must be 0 or 1")
            }
        default: return .number(try number(json))
        }
    }

    /// Reads a value that lies on a number line, in the knob's unit.
    func number(_ json: JSONValue) throws(Problem) -> Double {
        switch form {
        case .bytes:
            guard let amount = Self.quantity(json), amount.nanos % 1_000_000_000 == 0, amount.nanos >= 0 else {
                throw Problem("must be whole bytes such as 64Mi\(maxHint)")
            }
            let bytes = Double(amount.nanos / 1_000_000_000)
            guard bytes > 0 || !isLimit else { throw Problem("must be greater than 0") }
            return bytes
        case .cores:
            guard let amount = Self.quantity(json) else { throw Problem("must be CPUs such as 250m or 1.5\(maxHint)") }
            let cores = Double(amount.nanos) / 1e9
            // A quota of a millisecond in a period of 100 ms is the least that the kernel takes.
            guard cores >= 0.01 else { throw Problem("must be 10m or more") }
            guard amount.nanos % 1_000_000 == 0 else { throw Problem("must be whole thousandths of a CPU") }
            return cores
        case .microseconds(let range):
            let found: Int64? =
                switch json {
                case .integer(let number): number
                case .string(let text): DurationText.microseconds(text)
                default: nil
                }
            guard let found else { throw Problem("must be microseconds, or a time such as 10ms") }
            guard range.contains(found) else { throw Problem(Self.outside(range, " microseconds")) }
            return Double(found)
        case .count(let range):
            guard let found = json.integerValue else { throw Problem("must be a whole number\(maxHint)") }
            guard range.contains(found) else { throw Problem(Self.outside(range, "")) }
            return Double(found)
        case .free:
            switch json {
            case .integer(let number): return Double(number)
            case .number(let number): return number
            default: throw Problem("must be a number")
            }
        case .flag, .text: throw Problem("\(name) has no numbers: use values")
        }
    }

    /// Whether zero would leave nothing to run with.
    private var isLimit: Bool {
        switch target {
        case .memoryMax, .ioMax: true
        default: name == "memory.high"
        }
    }

    private var maxHint: String { hasMax ? ", or max" : "" }

    private static func outside(_ range: ClosedRange<Int64>, _ unit: String) -> String {
        range.upperBound > 10_000_000
            ? "must be \(range.lowerBound)\(unit) or more"
            : "must be between \(range.lowerBound) and \(range.upperBound)\(unit), inclusive"
    }

    private static func quantity(_ json: JSONValue) -> Quantity.Amount? {
        switch json {
        case .string(let text): Quantity(text).parsed
        case .integer(let number): Quantity(number).parsed
        case .number(let number): Quantity("\(number)").parsed
        default: nil
        }
    }

    /// A value as a file of the experiment would have it, for progress and messages: `64Mi`, `250m`, `10ms`.
    func text(_ value: ExperimentValue) -> String {
        guard let number = value.number else { return value.description }
        switch form {
        case .bytes: return Quantity(Int64(number), format: .binary).text
        case .cores: return Quantity(milliValue: Int64((number * 1000).rounded())).text
        case .microseconds: return number >= 1000 ? "\(NumberText.plain(number / 1000))ms" : "\(Int64(number))us"
        default: return value.description
        }
    }

    /// The nearest value that the knob can have.
    func rounded(_ number: Double) -> Double {
        if case .free = form { return number == number.rounded() ? number : (number * 1e6).rounded() / 1e6 }
        let steps = (number / grain).rounded()
        // A thousandth is no binary fraction: divide, so that 0.1 is the 0.1 that a file says.
        return grain < 1 ? steps / (1 / grain).rounded() : steps * grain
    }
}
