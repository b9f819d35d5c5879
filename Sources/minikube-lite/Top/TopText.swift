/// Numbers as `top` shows them: short, and `-` for what is not known.
enum TopText {
    /// Thousandths of a core, as `kubectl top` has them: `250m`; a tenth of one below ten.
    static func cores(_ milli: Double?) -> String {
        guard let milli else { return "-" }
        return milli > 0 && milli < 9.95 ? "\(decimal(milli, places: 1))m" : "\(Int64(milli.rounded()))m"
    }

    /// `512`, `3.4Ki`, `120Mi`, `1.5Gi`.
    static func bytes(_ bytes: Int64?) -> String {
        guard let bytes else { return "-" }
        guard bytes >= 1024 else { return String(bytes) }
        var value = Double(bytes)
        for unit in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
            value /= 1024
            if value < 1023.5 || unit == "Ei" { return decimal(value, places: value < 9.95 ? 1 : 0) + unit }
        }
        return String(bytes)
    }

    static func percent(_ value: Double?) -> String {
        value.map { decimal($0, places: $0 < 9.95 ? 1 : 0) } ?? "-"
    }

    /// Without a zero behind the point.
    static func decimal(_ value: Double, places: Int) -> String {
        let factor = places == 0 ? 1.0 : 10.0
        let tenths = Int64((value * factor).rounded())
        guard places > 0, tenths % 10 != 0 else { return String(places > 0 ? tenths / 10 : tenths) }
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// `[####      ]`; a share above one fills it.
    static func bar(_ share: Double, width: Int) -> String {
        let inner = width - 2
        let full = min(max(Int((share * Double(inner)).rounded()), share > 0 ? 1 : 0), inner)
        return "[\(String(repeating: "#", count: full))\(String(repeating: " ", count: inner - full))]"
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
