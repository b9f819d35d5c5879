/// Finds what programs print for the laboratory: words of the form `KEY=NUMBER`.
enum PrintedValues {
    /// Pairs of a line in their order. Other words are passed over; a unit behind the number makes it another word.
    static func parse(_ line: Substring) -> [(key: String, value: Double)] {
        var found: [(key: String, value: Double)] = []
        for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," || $0 == ";" }) {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex,
                let value = Double(word[word.index(after: equals)...]), value.isFinite
            else { continue }
            let key = word[..<equals]
            if key.utf8.allSatisfy(isKey) { found.append((String(key), value)) }
        }
        return found
    }

    /// Letters, digits, `_`, `-`, `.`.
    static func isKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
