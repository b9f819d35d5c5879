/// A point in time in whole seconds, as `metav1.Time` is written: `2026-01-02T03:04:05Z` (RFC 3339, UTC).
public struct Timestamp: JSONConvertible, Comparable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z.
    public var seconds: Int64

    public init(seconds: Int64) { self.seconds = seconds }
    public init(nanoseconds: Int64) { seconds = RFC3339.floor(nanoseconds, 1_000_000_000) }

    public init(json: JSONValue) throws(JSONTypeError) {
        let text = try String(json: json)
        guard let parsed = RFC3339.parse(text) else {
            throw JSONTypeError(problem: "\"\(text)\" is not a time in RFC 3339 form")
        }
        seconds = parsed.seconds
    }

    public var json: JSONValue { .string(description) }
    public var description: String { RFC3339.format(seconds: seconds, fraction: nil) + "Z" }
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.seconds < right.seconds }
}

/// A point in time in microseconds, as `metav1.MicroTime` is written: `2026-01-02T03:04:05.000006Z`.
public struct MicroTimestamp: JSONConvertible, Comparable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z.
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    public init(json: JSONValue) throws(JSONTypeError) {
        let text = try String(json: json)
        guard let parsed = RFC3339.parse(text) else {
            throw JSONTypeError(problem: "\"\(text)\" is not a time in RFC 3339 form")
        }
        microseconds = parsed.seconds * 1_000_000 + Int64(parsed.nanoseconds / 1000)
    }

    public var json: JSONValue { .string(description) }
    public var description: String {
        let seconds = RFC3339.floor(microseconds, 1_000_000)
        let rest = String(microseconds - seconds * 1_000_000)
        let padded = String(repeating: "0", count: 6 - rest.count) + rest
        return RFC3339.format(seconds: seconds, fraction: padded) + "Z"
    }
    public static func < (left: MicroTimestamp, right: MicroTimestamp) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// RFC 3339 times, without a calendar library: the proleptic Gregorian calendar by days since 1970.
enum RFC3339 {
    static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    static func format(seconds: Int64, fraction: String?) -> String {
        let day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - day * 86400
        // Days are counted from 1 March of year 0, in eras of 400 years.
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let text =
            "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))T"
            + "\(pad(rest / 3600, 2)):\(pad(rest / 60 % 60, 2)):\(pad(rest % 60, 2))"
        return fraction.map { "\(text).\($0)" } ?? text
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return digits.utf8.count < width ? String(repeating: "0", count: width - digits.utf8.count) + digits : digits
    }

    static func parse(_ text: String) -> (seconds: Int64, nanoseconds: Int32)? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 64 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for index in range {
                guard index < bytes.count, (48...57).contains(bytes[index]) else { return nil }
                value = value * 10 + Int64(bytes[index] - 48)
            }
            return value
        }
        guard let year = number(0..<4), bytes[4] == UInt8(ascii: "-"), let month = number(5..<7),
            bytes[7] == UInt8(ascii: "-"), let day = number(8..<10), bytes[10] | 0x20 == UInt8(ascii: "t"),
            let hour = number(11..<13), bytes[13] == UInt8(ascii: ":"), let minute = number(14..<16),
            bytes[16] == UInt8(ascii: ":"), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var position = 19
        var nanoseconds: Int32 = 0
        if bytes[position] == UInt8(ascii: ".") {
            position += 1
            var scale: Int32 = 100_000_000
            let start = position
            while position < bytes.count, (48...57).contains(bytes[position]) {
                nanoseconds += Int32(bytes[position] - 48) * scale
                scale /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        guard position < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[position] | 0x20 == UInt8(ascii: "z") {
            position += 1
        } else {
            guard bytes.count == position + 6, bytes[position + 3] == UInt8(ascii: ":"),
                let hours = number(position + 1..<position + 3), let minutes = number(position + 4..<position + 6)
            else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "+"): offset = hours * 3600 + minutes * 60
            case UInt8(ascii: "-"): offset = -(hours * 3600 + minutes * 60)
            default: return nil
            }
            position += 6
        }
        guard position == bytes.count else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return (days * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds)
    }
}
