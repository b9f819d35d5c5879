/// One line of a container's log file in the CRI format: `<RFC 3339 time> <stream> <tags> <text>`.
///
/// A long line of the container's is several here, all but the last tagged `P`.
struct LogLine {
    /// Nanoseconds since 1970.
    let time: Int64
    /// The time as it stands in the file.
    let stamp: ArraySlice<UInt8>
    let isError: Bool
    let isPartial: Bool
    let text: ArraySlice<UInt8>

    /// - Parameter line: without its newline. Nil where it is no such line.
    init?(_ line: ArraySlice<UInt8>) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space), let time = Self.time(line[..<first]) else { return nil }
        let afterTime = line[(first + 1)...]
        guard let second = afterTime.firstIndex(of: space) else { return nil }
        let stream = afterTime[..<second]
        guard stream.elementsEqual("stdout".utf8) || stream.elementsEqual("stderr".utf8) else { return nil }
        let rest = line[(second + 1)...]
        // Tags are separated by colons; the first is the one that counts.
        let third = rest.firstIndex(of: space) ?? rest.endIndex
        guard let tag = rest.first, tag == UInt8(ascii: "P") || tag == UInt8(ascii: "F") else { return nil }
        self.time = time
        stamp = line[..<first]
        isError = stream.count == 6 && stream.elementsEqual("stderr".utf8)
        isPartial = tag == UInt8(ascii: "P")
        text = third < rest.endIndex ? rest[(third + 1)...] : []
    }

    /// RFC 3339 with up to nine digits of fraction and any offset, in nanoseconds since 1970.
    static func time(_ text: ArraySlice<UInt8>) -> Int64? {
        var index = text.startIndex
        func peek() -> UInt8? { index < text.endIndex ? text[index] : nil }
        func number(_ digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let byte = peek(), (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
                index += 1
            }
            return value
        }
        func skip(_ character: Unicode.Scalar) -> Bool {
            guard peek() == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("T"),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2)
        else { return nil }
        var fraction: Int64 = 0
        if skip(".") {
            var digits = 0
            while let byte = peek(), (48...57).contains(byte) {
                if digits < 9 {
                    fraction = fraction * 10 + Int64(byte - 48)
                    digits += 1
                }
                index += 1
            }
            while digits < 9 {
                fraction *= 10
                digits += 1
            }
        }
        var offset: Int64 = 0
        if !skip("Z") {
            let sign: Int64 = skip("+") ? 1 : skip("-") ? -1 : 0
            guard sign != 0, let hours = number(2), skip(":"), let minutes = number(2) else { return nil }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard index == text.endIndex else { return nil }
        // Days since 1970, with years that begin in March, so that the leap day is the last.
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        return seconds * 1_000_000_000 + fraction
    }
}
