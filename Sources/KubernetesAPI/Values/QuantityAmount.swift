extension Quantity.Amount {
    /// Reads a quantity by apimachinery's rules (`resource.ParseQuantity`): nil where it is none. What is finer than a
    /// billionth is rounded away from zero, what is larger than `Int64.max` is cut to it.
    public init?(parsing text: String) {
        var rest = Substring(text).utf8[...]
        var isNegative = false
        if let first = rest.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
            isNegative = first == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        guard let number = Self.takeNumber(from: &rest),
            let (suffixFactor, format) = Self.factor(of: String(Substring(rest)))
        else { return nil }
        // digits * 10^(-places) * factor, in billionths and rounded up.
        var nanos: Int128
        switch suffixFactor {
        case .decimal(let exponent):
            nanos = Self.scale(number.digits, by: exponent - number.places + 9)
        case .binary(let shift):
            // Scaled up first: the suffix's factor of two may make up for decimal places.
            // Places that no longer fit are far below a billionth.
            var (digits, places) = number
            var product = digits.multipliedReportingOverflow(by: Quantity.nanosPerUnit << Int128(shift))
            while product.overflow, places > 0 {
                (digits, places) = (Self.scale(digits, by: -1), places - 1)
                product = digits.multipliedReportingOverflow(by: Quantity.nanosPerUnit << Int128(shift))
            }
            nanos = product.overflow ? Quantity.maximumNanos : Self.scale(product.partialValue, by: -places)
        }
        nanos = min(nanos, Quantity.maximumNanos)
        // Ki of less than one is shown as a decimal, to lose nothing (`ParseQuantity`).
        self.format = format == .binary && nanos > 0 && nanos < Quantity.nanosPerUnit ? .decimal : format
        self.nanos = isNegative ? -nanos : nanos
    }

    /// Digits with at most one point. Digits beyond what can count are read and, where they are not zero, round up.
    private static func takeNumber(from rest: inout Substring.UTF8View.SubSequence) -> (digits: Int128, places: Int)? {
        var digits: Int128 = 0
        var places = 0
        var sawDigit = false
        var sawPoint = false
        var isInexact = false
        loop: while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                sawDigit = true
                if digits < Int128(10_000_000_000_000_000_000) * 1_000_000 {
                    digits = digits * 10 + Int128(byte - UInt8(ascii: "0"))
                    if sawPoint { places += 1 }
                } else {
                    if byte != UInt8(ascii: "0") { isInexact = true }
                    if !sawPoint { places -= 1 }
                }
            case UInt8(ascii: "."):
                guard !sawPoint else { return nil }
                sawPoint = true
            default: break loop
            }
            rest = rest.dropFirst()
        }
        return sawDigit ? (isInexact ? digits + 1 : digits, places) : nil
    }

    private enum Factor {
        case decimal(exponent: Int)
        case binary(shift: Int)
    }

    private static func factor(of suffix: String) -> (Factor, Quantity.Format)? {
        if let index = decimalSuffixes.firstIndex(of: suffix) { return (.decimal(exponent: index * 3 - 9), .decimal) }
        if let index = binarySuffixes.firstIndex(of: suffix), index > 0 {
            return (.binary(shift: index * 10), .binary)
        }
        guard let first = suffix.utf8.first, first | 0x20 == UInt8(ascii: "e"), suffix.utf8.count > 1,
            let exponent = Int(suffix.dropFirst()), exponent.magnitude < 1 << 31
        else { return nil }
        return (.decimal(exponent: exponent), .decimalExponent)
    }

    private static let decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]
    private static let binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

    /// value * 10^exponent, rounded up, at most `maximumNanos`.
    private static func scale(_ value: Int128, by exponent: Int) -> Int128 {
        var value = value
        guard value != 0 else { return 0 }
        if exponent >= 0 {
            // Asked before each step: what comes in may be near the end of the type's range.
            for _ in 0..<min(exponent, 40) where value <= Quantity.maximumNanos { value *= 10 }
            return min(value, Quantity.maximumNanos)
        }
        var isInexact = false
        for _ in 0..<min(-exponent, 60) {
            let (quotient, rest) = value.quotientAndRemainder(dividingBy: 10)
            value = quotient
            if rest != 0 { isInexact = true }
        }
        return isInexact ? value + 1 : value
    }

    /// The canonical form of `resource.Quantity`: an integer with the largest suffix that loses nothing.
    public var canonicalText: String {
        let (whole, fraction) = nanos.quotientAndRemainder(dividingBy: Quantity.nanosPerUnit)
        if format == .binary, fraction == 0, abs(whole) >= 1024 {
            var (mantissa, index) = (whole, 0)
            while mantissa % 1024 == 0, index < Self.binarySuffixes.count - 1 {
                mantissa /= 1024
                index += 1
            }
            return "\(mantissa)\(Self.binarySuffixes[index])"
        }
        guard nanos != 0 else { return "0" }
        var (mantissa, index) = (nanos, 0)
        while mantissa % 1000 == 0, index < Self.decimalSuffixes.count - 1 {
            mantissa /= 1000
            index += 1
        }
        if format == .decimalExponent {
            let exponent = index * 3 - 9
            return exponent == 0 ? "\(mantissa)" : "\(mantissa)e\(exponent)"
        }
        return "\(mantissa)\(Self.decimalSuffixes[index])"
    }
}
