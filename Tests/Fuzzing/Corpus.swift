import Foundation

/// The inputs that are in the repository (`Tests/Corpus`), by format. What once broke something is added there.
public struct Corpus: Sendable {
    /// What a reader of the corpus cannot find.
    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    /// Name and content of each entry, in the order of names.
    public let entries: [(name: String, bytes: [UInt8])]

    /// The entries of a folder: one a file, or, of `.txt` files, one a line. Files that end in `.hex` are decoded.
    public init(_ format: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Corpus/\(format)")
        var entries: [(String, [UInt8])] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
            if name.hasSuffix(".txt") {
                entries += bytes.split(separator: 0x0A).enumerated().map {
                    ("\(name):\($0.offset + 1)", Array($0.element))
                }
            } else {
                entries.append((name, name.hasSuffix(".hex") ? Self.decode(bytes) : bytes))
            }
        }
        guard !entries.isEmpty else { throw Missing(description: "no corpus in \(folder.path)") }
        self.entries = entries
    }

    private static func decode(_ hexadecimal: [UInt8]) -> [UInt8] {
        let digits = hexadecimal.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// Makes inputs from a corpus: the entries themselves, then changed ones.
public struct Mutator {
    private static let maximumLength = 64 << 10

    private let corpus: [[UInt8]]
    private let tokens: [[UInt8]]
    private var generator: SeededGenerator
    private var untouched: Int

    /// - Parameter tokens: what means something in the format, to be put anywhere.
    public init(_ corpus: Corpus, tokens: [String], seed: UInt64) {
        self.corpus = corpus.entries.map(\.bytes)
        self.tokens = tokens.map { Array($0.utf8) } + [[0], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80]]
        generator = SeededGenerator(seed: seed)
        untouched = corpus.entries.count
    }

    public mutating func next() -> [UInt8] {
        if untouched > 0 {
            untouched -= 1
            return corpus[untouched]
        }
        var bytes = any(of: corpus)
        for _ in 0..<Int.random(in: 1...4, using: &generator) { change(&bytes) }
        return Array(bytes.prefix(Self.maximumLength))
    }

    private mutating func any(of choices: [[UInt8]]) -> [UInt8] { choices.randomElement(using: &generator) ?? [] }

    private mutating func range(in bytes: [UInt8]) -> Range<Int> {
        let start = Int.random(in: 0...bytes.count, using: &generator)
        return start..<min(bytes.count, start + Int.random(in: 0...16, using: &generator))
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = range(in: bytes)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0:
            if place.lowerBound < bytes.count {
                bytes[place.lowerBound] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
        case 1:
            if place.lowerBound < bytes.count { bytes[place.lowerBound] = UInt8.random(in: 0...255, using: &generator) }
        case 2: bytes.removeSubrange(place)
        case 3: bytes.insert(contentsOf: bytes[place], at: range(in: bytes).lowerBound)
        case 4: bytes.replaceSubrange(place, with: any(of: tokens))
        case 5: bytes.insert(contentsOf: any(of: tokens), at: place.lowerBound)
        case 6:
            let other = any(of: corpus)
            bytes.replaceSubrange(
                place.lowerBound..., with: other.suffix(Int.random(in: 0...other.count, using: &generator)))
        default:
            let many = Array(repeating: Array(bytes[place]), count: Int.random(in: 2...64, using: &generator)).joined()
            bytes.insert(contentsOf: many, at: place.lowerBound)
        }
    }
}
