import Foundation

/// Numbers as text, the same on every machine and in every locale.
enum NumberText {
    /// The shortest text that reads back as the same number; whole numbers without a fraction or an exponent.
    static func plain(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }

    /// With a fixed number of digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        let text = String(format: "%.\(digits)f", value)
        // -0.00 is 0.00 to a reader.
        return text.allSatisfy { "-0.".contains($0) } && text.hasPrefix("-") ? String(text.dropFirst()) : text
    }

    /// Rounded to one digit after the point, for places in a drawing, of which there are very many.
    static func tenths(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        let (whole, rest) = (tenths / 10, abs(tenths % 10))
        return rest == 0 ? String(whole) : "\(tenths < 0 && whole == 0 ? "-" : "")\(whole).\(rest)"
    }

    /// With three significant digits, without an exponent, without zeros at the end: 1840, 12.3, 0.00457.
    static func short(_ value: Double, digits: Int = 3) -> String {
        if value == 0 { return "0" }
        guard value.isFinite else { return value.isNaN ? "–" : value > 0 ? "∞" : "-∞" }
        let magnitude = Int(floor(log10(abs(value))))
        var text = fixed(value, max(0, min(9, digits - 1 - magnitude)))
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }
}
