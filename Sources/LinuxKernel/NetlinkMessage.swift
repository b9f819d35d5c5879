/// One netlink message under construction: the family's fixed header, then attributes (netlink(7)).
///
/// All numbers are in the host's byte order unless a family says otherwise; attributes are padded to four bytes.
public struct NetlinkMessage: Sendable {
    public let type: UInt16
    public let flags: UInt16
    /// What the message is for, in words, for errors: `add bridge mkl0`.
    public let purpose: String
    public private(set) var payload: [UInt8]

    /// - Parameters:
    ///   - flags: besides NLM_F_REQUEST, which every message has.
    ///   - header: the family's fixed header, e.g. an `ifinfomsg`.
    public init(type: UInt16, flags: UInt16 = 0, purpose: String, header: [UInt8]) {
        self.type = type
        self.flags = flags | NetlinkFlag.request
        self.purpose = purpose
        payload = header
        pad()
    }

    public mutating func attribute(_ type: UInt16, _ bytes: some Collection<UInt8>) {
        payload.append(native: UInt16(4 + bytes.count))
        payload.append(native: type)
        payload.append(contentsOf: bytes)
        pad()
    }

    public mutating func attribute(_ type: UInt16, _ value: UInt32) {
        payload.append(native: UInt16(8))
        payload.append(native: type)
        payload.append(native: value)
    }

    /// Text with the NUL at its end.
    public mutating func attribute(_ type: UInt16, _ text: String) {
        attribute(type, Array(text.utf8) + [0])
    }

    /// An attribute that holds attributes, preceded by `header` where the family wants one.
    public mutating func nested(_ type: UInt16, header: [UInt8] = [], _ fill: (inout NetlinkMessage) -> Void) {
        let start = payload.count
        payload.append(native: UInt16(0))
        payload.append(native: type)
        payload.append(contentsOf: header)
        pad()
        fill(&self)
        let length = UInt16(payload.count - start)
        withUnsafeBytes(of: length) { payload.replaceSubrange(start..<(start + 2), with: $0) }
    }

    private mutating func pad() {
        while payload.count % 4 != 0 { payload.append(0) }
    }

    /// As it goes on the wire.
    ///
    /// - Parameter acknowledged: false leaves out that an answer is wanted.
    func encode(sequence: UInt32, acknowledged: Bool = true, to bytes: inout [UInt8]) {
        bytes.append(native: UInt32(16 + payload.count))
        bytes.append(native: type)
        bytes.append(native: acknowledged ? flags : flags & ~NetlinkFlag.acknowledge)
        bytes.append(native: sequence)
        bytes.append(native: UInt32(0))
        bytes.append(contentsOf: payload)
    }
}

/// One message that the kernel sent.
public struct NetlinkReply: Sendable {
    public let type: UInt16
    public let flags: UInt16
    public let sequence: UInt32
    public let payload: [UInt8]

    /// The attributes after a fixed header of `offset` bytes; of several with one type the last counts.
    public func attributes(after offset: Int) -> [UInt16: [UInt8]] { Self.attributes(payload, from: offset) }

    public static func attributes(_ bytes: [UInt8], from offset: Int = 0) -> [UInt16: [UInt8]] {
        var found: [UInt16: [UInt8]] = [:]
        var index = (offset + 3) & ~3
        while index + 4 <= bytes.count {
            let length = Int(bytes.native(at: index, as: UInt16.self))
            // The two highest bits say "nested" and "network byte order".
            let type = bytes.native(at: index + 2, as: UInt16.self) & 0x3fff
            guard length >= 4, index + length <= bytes.count else { break }
            found[type] = Array(bytes[(index + 4)..<(index + length)])
            index += (length + 3) & ~3
        }
        return found
    }

    static func parse(_ bytes: [UInt8]) -> [NetlinkReply] {
        var replies: [NetlinkReply] = []
        var index = 0
        while index + 16 <= bytes.count {
            let length = Int(bytes.native(at: index, as: UInt32.self))
            guard length >= 16, index + length <= bytes.count else { break }
            replies.append(
                NetlinkReply(
                    type: bytes.native(at: index + 4, as: UInt16.self),
                    flags: bytes.native(at: index + 6, as: UInt16.self),
                    sequence: bytes.native(at: index + 8, as: UInt32.self),
                    payload: Array(bytes[(index + 16)..<(index + length)])))
            index += (length + 3) & ~3
        }
        return replies
    }
}

/// Flags of struct nlmsghdr (linux/netlink.h).
public enum NetlinkFlag {
    public static let request: UInt16 = 0x1
    public static let multi: UInt16 = 0x2
    public static let acknowledge: UInt16 = 0x4
    public static let dump: UInt16 = 0x300
    public static let replace: UInt16 = 0x100
    public static let exclusive: UInt16 = 0x200
    public static let create: UInt16 = 0x400
    public static let append: UInt16 = 0x800
}

extension [UInt8] {
    /// Appends a number in the host's byte order.
    public mutating func append(native value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }

    /// The number at an offset in the host's byte order; 0 where the bytes do not reach.
    public func native<T: FixedWidthInteger>(at offset: Int, as type: T.Type) -> T {
        guard offset >= 0, offset + MemoryLayout<T>.size <= count else { return 0 }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }

    /// Text up to the first NUL.
    public var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
