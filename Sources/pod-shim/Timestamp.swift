/// RFC 3339 times without a library.
enum Timestamp {
    /// `2006-01-02T15:04:05.999999999Z`, always nine digits.
    static func append(_ nanoseconds: Int64, to bytes: inout [UInt8]) {
        let fields = Fields(nanoseconds)
        append(fields.year, 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(fields.month, 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(fields.day, 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        append(fields.hour, 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(fields.minute, 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        append(fields.second, 2, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        append(fields.fraction, 9, to: &bytes)
        bytes.append(UInt8(ascii: "Z"))
    }

    /// `20060102-150405.999999999`: what a rotated log is called after. The kubelet's names end with the second; two
    /// rotations in one second must not meet.
    static func suffix(_ nanoseconds: Int64) -> String {
        let fields = Fields(nanoseconds)
        var bytes: [UInt8] = []
        append(fields.year, 4, to: &bytes)
        append(fields.month, 2, to: &bytes)
        append(fields.day, 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(fields.hour, 2, to: &bytes)
        append(fields.minute, 2, to: &bytes)
        append(fields.second, 2, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        append(fields.fraction, 9, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private struct Fields {
        var year, month, day, hour, minute, second, fraction: Int

        init(_ nanoseconds: Int64) {
            let seconds = Int(nanoseconds / 1_000_000_000)
            fraction = Int(nanoseconds % 1_000_000_000)
            let days = seconds / 86400
            let rest = seconds % 86400
            hour = rest / 3600
            minute = rest % 3600 / 60
            second = rest % 60
            // The proleptic Gregorian calendar in eras of 400 years that begin on a 1 March.
            let shifted = days + 719468
            let era = shifted / 146097
            let dayOfEra = shifted % 146097
            let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let monthFromMarch = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
            month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        }
    }

    private static func append(_ value: Int, _ digits: Int, to bytes: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
