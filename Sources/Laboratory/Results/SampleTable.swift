/// The lines of `samples.csv`: `trial,t [s],SERIES...`, one per moment, with an empty field where nothing was read.
struct SampleTable {
    let description: ExperimentDescription

    var header: [String] {
        ["trial", "t [s]"] + description.series.map { TrialTable.column($0.column, $0.unit) }
    }

    /// Appends one line. The time has microseconds.
    static func append(trial: Int, seconds: Double, values: [Double?], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(trial).utf8)
        bytes.append(CSV.comma)
        bytes.append(contentsOf: NumberText.plain((seconds * 1e6).rounded() / 1e6).utf8)
        for value in values {
            bytes.append(CSV.comma)
            if let value, value.isFinite { bytes.append(contentsOf: NumberText.plain(value).utf8) }
        }
        bytes.append(CSV.newline)
    }

    /// Reads a file piece by piece: whole lines go to `body`, the rest waits for the next piece.
    struct Reader {
        let columns: Int
        private var rest: [UInt8] = []
        private var isHeader = true
        /// Lines that are no samples.
        private(set) var unreadable = 0
        /// How many bytes the whole lines have that were read so far.
        private(set) var end = 0

        init(columns: Int) { self.columns = columns }

        var isTorn: Bool { !rest.isEmpty }

        /// `body` gets each sample, and the offset of its line's first byte.
        mutating func feed(_ piece: [UInt8], _ body: (ExperimentSample, Int) throws -> Void) rethrows {
            let bytes = rest + piece
            var start = 0
            while let stop = bytes[start...].firstIndex(of: CSV.newline) {
                if isHeader {
                    isHeader = false
                } else if let sample = sample(bytes[start..<stop]) {
                    try body(sample, end)
                } else {
                    unreadable += 1
                }
                end += stop + 1 - start
                start = stop + 1
            }
            rest = Array(bytes[start...])
        }

        private func sample(_ line: ArraySlice<UInt8>) -> ExperimentSample? {
            var values: [Double?] = []
            values.reserveCapacity(columns + 2)
            var start = line.startIndex
            var index = start
            while index <= line.endIndex {
                if index == line.endIndex || line[index] == CSV.comma {
                    values.append(Self.number(line[start..<index]))
                    start = index + 1
                }
                index += 1
            }
            guard values.count == columns + 2, let trial = values[0], let seconds = values[1], trial >= 1, trial < 1e9
            else { return nil }
            return ExperimentSample(trial: Int(trial), seconds: seconds, values: Array(values[2...]))
        }

        /// Plain decimal numbers, which nearly all are, without a detour through a string.
        private static func number(_ text: ArraySlice<UInt8>) -> Double? {
            var whole: UInt64 = 0
            var scale: Double = 1
            var isFraction = false
            guard !text.isEmpty, text.count <= 17 else { return Double(String(decoding: text, as: UTF8.self)) }
            for byte in text {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    whole = whole &* 10 &+ UInt64(byte - 48)
                    if isFraction { scale *= 10 }
                case UInt8(ascii: ".") where !isFraction: isFraction = true
                case CSV.carriageReturn: break
                default: return Double(String(decoding: text, as: UTF8.self))
                }
            }
            // Both are exact below 2^53 and 10^22, so the quotient is the nearest number, as strtod's would be.
            return whole < 1 << 53 ? Double(whole) / scale : Double(String(decoding: text, as: UTF8.self))
        }
    }
}
