import NIOCore

/// Messages of a connection, each after two bytes with its length (RFC 1035 section 4.2.2).
struct MessageFrames {
    /// A message that is longer than who reads takes.
    struct TooLong: Error {}

    private let maximum: Int
    private var buffer = ByteBuffer()

    /// - Parameter maximum: bytes of a message. Not much more is ever kept.
    init(maximum: Int) { self.maximum = maximum }

    mutating func append(_ bytes: ByteBuffer) {
        buffer.discardReadBytes()
        buffer.writeImmutableBuffer(bytes)
    }

    /// The next message; nil where it is not there as a whole.
    mutating func next() throws(TooLong) -> [UInt8]? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt16.self) else { return nil }
        guard length <= maximum else { throw TooLong() }
        guard buffer.readableBytes >= 2 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 2)
        return buffer.readBytes(length: Int(length))
    }
}
