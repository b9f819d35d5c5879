/// Parsers of the kernel's text on its bytes: nothing is allocated, and nothing throws. What cannot be read is left out.
enum CgroupText {
    private static let space = UInt8(ascii: " ")
    private static let newline = UInt8(ascii: "\n")

    /// The digits at `index`, which is moved behind them; nil where there is none.
    static func number(_ text: UnsafeRawBufferPointer, at index: inout Int) -> Int64? {
        var value: Int64 = 0
        let start = index
        while index < text.count {
            let digit = text[index] &- 48
            guard digit < 10 else { break }
            value = value &* 10 &+ Int64(digit)
            index += 1
        }
        return index > start ? value : nil
    }

    /// Digits with or without a fraction.
    static func decimal(_ text: UnsafeRawBufferPointer, at index: inout Int) -> Double? {
        guard let whole = number(text, at: &index) else { return nil }
        guard index < text.count, text[index] == UInt8(ascii: ".") else { return Double(whole) }
        index += 1
        let start = index
        guard let fraction = number(text, at: &index) else { return Double(whole) }
        var scale = 1.0
        for _ in start..<index { scale *= 10 }
        return Double(whole) + Double(fraction) / scale
    }

    /// The first word as a number: nil where there is none, `Int64.max` for `max`.
    static func single(_ text: UnsafeRawBufferPointer) -> Int64? {
        var index = 0
        if let value = number(text, at: &index) { return value }
        return text.count >= 3 && text[0] == UInt8(ascii: "m") ? .max : nil
    }

    /// Calls `body` with the bounds of each line, the newline left out.
    @inline(__always)
    static func eachLine(_ text: UnsafeRawBufferPointer, _ body: (_ start: Int, _ end: Int) -> Void) {
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != newline { end += 1 }
            if end > start { body(start, end) }
            start = end + 1
        }
    }

    /// Where the next `space` is, or `end`.
    static func wordEnd(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index < end, text[index] != space { index += 1 }
        return index
    }

    /// `some avg10=0.12 avg60=0.05 avg300=0.01 total=12345` and a second line for `full`.
    static func pressure(_ text: UnsafeRawBufferPointer) -> PressureStatistics {
        var result = PressureStatistics()
        eachLine(text) { start, end in
            var values = (0.0, 0.0, 0.0, 0.0)
            var index = start
            withUnsafeMutableBytes(of: &values) { raw in
                let slots = raw.bindMemory(to: Double.self)
                var slot = 0
                while slot < slots.count {
                    while index < end, text[index] != UInt8(ascii: "=") { index += 1 }
                    guard index < end else { break }
                    index += 1
                    slots[slot] = decimal(text, at: &index) ?? 0
                    slot += 1
                }
            }
            let share = PressureStatistics.Share(
                avg10: values.0, avg60: values.1, avg300: values.2, totalMicroseconds: Int64(values.3))
            if text[start] == UInt8(ascii: "f") { result.full = share } else { result.some = share }
        }
        return result
    }

    /// `8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`, by device.
    static func devices(_ text: UnsafeRawBufferPointer, _ keys: KeyTable) -> [IOStatistics] {
        var found: [IOStatistics] = []
        eachLine(text) { start, end in
            let nameEnd = wordEnd(text, start, end)
            var line = IOStatistics(
                device: String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<nameEnd]), as: UTF8.self))
            keys.scanFields(text, nameEnd, end) { key, value in
                switch key {
                case 0: line.readBytes = value
                case 1: line.writtenBytes = value
                case 2: line.reads = value
                case 3: line.writes = value
                case 4: line.discardedBytes = value
                default: line.discards = value
                }
            }
            found.append(line)
        }
        return found
    }
}

/// Keys that are looked for in files of many: fast where they stand in the file's order, right where they do not.
struct KeyTable: Sendable {
    private let bytes: [UInt8]
    /// Where each key begins, and the end of the last.
    private let bounds: [Int]

    init(_ keys: [String]) {
        var bytes: [UInt8] = []
        var bounds = [0]
        for key in keys {
            bytes.append(contentsOf: key.utf8)
            bounds.append(bytes.count)
        }
        self.bytes = bytes
        self.bounds = bounds
    }

    /// Whether two places have the same key.
    func isSame(_ one: Int, _ other: Int) -> Bool {
        one == other || bytes[bounds[one]..<bounds[one + 1]].elementsEqual(bytes[bounds[other]..<bounds[other + 1]])
    }

    /// Calls `found` with the place of each key that a line `key value` has (`key:  value` in /proc/meminfo).
    @inline(__always)
    func scan(_ text: UnsafeRawBufferPointer, _ found: (_ key: Int, _ value: Int64) -> Void) {
        bytes.withUnsafeBytes { keys in
            bounds.withUnsafeBufferPointer { bounds in
                var expected = 0
                CgroupText.eachLine(text) { start, end in
                    let keyEnd = CgroupText.wordEnd(text, start, end)
                    guard let key = Self.find(text, start, keyEnd, keys, bounds, expected) else { return }
                    var index = keyEnd
                    while index < end, text[index] == UInt8(ascii: " ") { index += 1 }
                    guard let value = CgroupText.number(text, at: &index) else { return }
                    found(key, value)
                    expected = key + 1
                }
            }
        }
    }

    /// Calls `found` for each field `key=value` between two bounds.
    @inline(__always)
    func scanFields(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ found: (_ key: Int, _ value: Int64) -> Void
    ) {
        bytes.withUnsafeBytes { keys in
            bounds.withUnsafeBufferPointer { bounds in
                var expected = 0
                var index = start
                while index < end {
                    while index < end, text[index] == UInt8(ascii: " ") { index += 1 }
                    let fieldEnd = CgroupText.wordEnd(text, index, end)
                    var keyEnd = index
                    while keyEnd < fieldEnd, text[keyEnd] != UInt8(ascii: "=") { keyEnd += 1 }
                    if let key = Self.find(text, index, keyEnd, keys, bounds, expected) {
                        var place = keyEnd + 1
                        if let value = CgroupText.number(text, at: &place) {
                            found(key, value)
                            expected = key + 1
                        }
                    }
                    index = fieldEnd
                }
            }
        }
    }

    /// The key that stands between two bounds of the text; the one that is due is tried first.
    @inline(__always)
    private static func find(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ keys: UnsafeRawBufferPointer,
        _ bounds: UnsafeBufferPointer<Int>, _ expected: Int
    ) -> Int? {
        let length = end - start
        guard length > 0 else { return nil }
        func matches(_ key: Int) -> Bool {
            let from = bounds[key]
            guard bounds[key + 1] - from == length else { return false }
            // The last byte tells most keys of one length apart.
            var index = length - 1
            while index >= 0 {
                if keys[from + index] != text[start + index] { return false }
                index -= 1
            }
            return true
        }
        let count = bounds.count - 1
        if expected < count, matches(expected) { return expected }
        for key in 0..<count where key != expected && matches(key) { return key }
        return nil
    }
}
