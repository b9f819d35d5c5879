import Foundation

/// Amounts with their units, scaled for a reader: `63 MiB`, `500m`, `1.5 s`.
extension ExperimentUnit {
    /// A divisor with the symbol of what is divided.
    struct Scale: Sendable, Hashable {
        var divisor: Double
        var symbol: String
    }

    private static let binary: [(Double, String)] = [
        (1, "B"), (1024, "KiB"), (1_048_576, "MiB"), (1_073_741_824, "GiB"), (1_099_511_627_776, "TiB"),
    ]
    private static let decimal: [(Double, String)] = [(1, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")]
    private static let time: [(Double, String)] = [
        (1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1, "s"), (60, "min"), (3600, "h"),
    ]

    /// The scale in which an amount of this size is best written.
    func scale(for magnitude: Double) -> Scale {
        let size = abs(magnitude)
        func largest(_ steps: [(Double, String)], unit: Double, from threshold: Double = 1) -> Scale {
            let step = steps.last { size * unit >= $0.0 * threshold } ?? steps[0]
            return Scale(divisor: step.0 / unit, symbol: step.1)
        }
        switch self {
        case .bytes: return largest(Self.binary, unit: 1)
        case .bytesPerSecond:
            let scale = largest(Self.binary, unit: 1)
            return Scale(divisor: scale.divisor, symbol: scale.symbol + "/s")
        case .perSecond:
            // 1840/s is easier to compare than 1.84k/s.
            let scale = largest(Self.decimal, unit: 1, from: 10)
            return Scale(divisor: scale.divisor, symbol: scale.symbol + "/s")
        case .count, .none:
            let scale = largest(Self.decimal, unit: 1, from: 10)
            return Scale(divisor: scale.divisor, symbol: scale.symbol)
        case .seconds: return largest(size < 120 ? Array(Self.time[..<4]) : Self.time, unit: 1)
        case .milliseconds: return largest(Array(Self.time[..<4]), unit: 1e-3)
        case .microseconds: return largest(Array(Self.time[..<4]), unit: 1e-6)
        case .nanoseconds: return largest(Array(Self.time[..<4]), unit: 1e-9)
        default: return Scale(divisor: 1, symbol: rawValue)
        }
    }

    /// One amount, e.g. `62.5 MiB`, with at most `digits` significant digits.
    func text(_ value: Double, digits: Int = 3) -> String {
        if self == .cores {
            let text = Self.cpus(value)
            return text.hasSuffix("m") ? text : "\(text)\u{A0}CPU\(text == "1" ? "" : "s")"
        }
        let scale = scale(for: value)
        let scaled = value / scale.divisor
        return Self.join(NumberText.short(scaled, digits: abs(scaled) >= 1000 ? 4 : digits), scale.symbol)
    }

    /// Two amounts in one scale, e.g. `62–63 MiB`.
    func range(_ lower: Double, _ upper: Double, digits: Int = 3) -> String {
        let (low, high) = (text(lower, digits: digits), text(upper, digits: digits))
        if low == high { return low }
        if self == .cores { return "\(low)–\(high)" }
        let scale = scale(for: upper)
        let small = NumberText.short(lower / scale.divisor, digits: digits)
        let large = NumberText.short(upper / scale.divisor, digits: digits)
        return Self.join("\(small)–\(large)", scale.symbol)
    }

    private static func join(_ number: String, _ symbol: String) -> String {
        // k, M and rates stand at the number, units after a space that does not break.
        symbol.isEmpty || symbol.hasSuffix("/s") && symbol.count <= 3 || ["k", "M", "G"].contains(symbol)
            ? number + symbol : "\(number)\u{A0}\(symbol)"
    }

    /// As Kubernetes writes CPUs: `2`, `1500m`, `250m`.
    static func cpus(_ value: Double) -> String {
        let thousandths = value * 1000
        if value == value.rounded() { return NumberText.short(value, digits: 6) }
        return NumberText.short(thousandths, digits: thousandths >= 1000 ? 4 : 3) + "m"
    }
}

extension ExperimentFactor {
    /// `cpu.weight 100`; with an equals sign where the name is more than a word: `weight of the program = 10`.
    func setting(_ value: ExperimentValue?) -> String {
        let text = value.map(text) ?? "?"
        return name.contains(" ") ? "\(name)\u{A0}=\u{A0}\(text)" : "\(name)\u{A0}\(text)"
    }

    /// A value of this factor for a reader.
    func text(_ value: ExperimentValue) -> String {
        switch value {
        case .number(let number): unit.text(number, digits: 4)
        case .word(let word): word
        }
    }
}

/// Small numbers as words, so that a sentence reads as one.
enum Wording {
    static func count(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
        "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
    }

    static func percent(_ share: Double) -> String {
        let value = share * 100
        return NumberText.short(value, digits: value > 99 && value < 100 ? 3 : 2) + "\u{A0}%"
    }

    /// `a, b and c`
    static func list(_ items: [String], limit: Int = 8) -> String {
        if items.count > limit {
            return items.prefix(limit).joined(separator: ", ") + " and \(items.count - limit) more"
        }
        guard let last = items.last, items.count > 1 else { return items.first ?? "" }
        return items.dropLast().joined(separator: ", ") + " and " + last
    }

    static func capitalized(_ text: String) -> String {
        text.prefix(1).uppercased() + text.dropFirst()
    }
}
