/// Times as people write them: `100ms`, `1m30s`, `2h`.
enum DurationText {
    private static let units: [(name: String, microseconds: Double)] = [
        ("us", 1), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3600e6),
    ]

    /// Whole microseconds; nil where the text is no time, or a number without a unit other than 0.
    static func microseconds(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var total = 0.0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let factor = units.first(where: { $0.name == unit }) else { return nil }
            total += value * factor.microseconds
        }
        return total < 1e15 ? Int64(total.rounded()) : nil
    }

    static func duration(_ text: String) -> Duration? { microseconds(text).map { .microseconds($0) } }

    /// `45 s`, `3 min 20 s`, `1 h 5 min`: for people, to whole seconds.
    static func words(_ duration: Duration) -> String {
        let seconds = Int(duration.seconds.rounded())
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
        default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
        }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
