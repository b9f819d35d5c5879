/// Little-endian bytes, one value after the other.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func string(_ text: String) {
        let utf8 = Array(text.utf8)
        integer(UInt32(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    mutating func boolean(_ value: Bool) { bytes.append(value ? 1 : 0) }
}

/// Reads what `ByteWriter` wrote; throws where the bytes end too early.
struct ByteReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(ProtocolError) -> Value {
        let size = MemoryLayout<Value>.size
        guard bytes.count - position >= size else { throw .truncated }
        var value: Value = 0
        for index in 0..<size {
            value |= Value(truncatingIfNeeded: bytes[position + index]) << Value(truncatingIfNeeded: index * 8)
        }
        position += size
        return value
    }

    mutating func string() throws(ProtocolError) -> String {
        let count = Int(try integer(UInt32.self))
        guard bytes.count - position >= count else { throw .truncated }
        defer { position += count }
        return String(decoding: bytes[position..<(position + count)], as: UTF8.self)
    }

    mutating func boolean() throws(ProtocolError) -> Bool { try integer(UInt8.self) != 0 }

    /// A count of things that take at least one byte each.
    mutating func count() throws(ProtocolError) -> Int {
        let count = Int(try integer(UInt32.self))
        guard count <= bytes.count - position else { throw .truncated }
        return count
    }
}

/// Bytes that are no message.
public enum ProtocolError: Error, Sendable, Hashable {
    case truncated
    case notAMessage
    /// A type of message that this side does not know.
    case unknownMessage(UInt16)
}
