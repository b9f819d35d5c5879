/// A text that is not a protobuf message.
struct ProtobufError: Error, Sendable, Hashable, CustomStringConvertible {
    var description: String
}

/// Takes protobuf messages apart, field by field (https://protobuf.dev/programming-guides/encoding/).
struct ProtobufReader {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(ArraySlice<UInt8>)

        /// The content as text; throws where it is none.
        func text() throws(ProtobufError) -> String {
            guard case .bytes(let content) = self, let text = String(validating: content, as: UTF8.self) else {
                throw ProtobufError(description: "a string is not UTF-8")
            }
            return text
        }
    }

    private static let maximumNumber = 1 << 29 - 1

    private var rest: ArraySlice<UInt8>
    /// Whether everything was read.
    var isAtEnd: Bool { rest.isEmpty }

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field; nil at the end of the message.
    mutating func next() throws(ProtobufError) -> (number: Int, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard let number = Int(exactly: tag >> 3), (1...Self.maximumNumber).contains(number) else {
            throw ProtobufError(description: "a field has no number")
        }
        switch tag & 7 {
        case 0: return (number, .varint(try varint()))
        case 1: return (number, .fixed64(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(rest.count) else { throw ProtobufError(description: "a field ends too early") }
            defer { rest = rest.dropFirst(Int(length)) }
            return (number, .bytes(rest.prefix(Int(length))))
        case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        default: throw ProtobufError(description: "a field has an unknown wire type")
        }
    }

    mutating func varint() throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw ProtobufError(description: "a number ends too early") }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw ProtobufError(description: "a number is too long")
    }

    private mutating func fixed(_ count: Int) throws(ProtobufError) -> UInt64 {
        guard rest.count >= count else { throw ProtobufError(description: "a number ends too early") }
        var value: UInt64 = 0
        for (index, byte) in rest.prefix(count).enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
        rest = rest.dropFirst(count)
        return value
    }
}
