import Glibc

/// A netlink request that the kernel refused, with its own words where it gave any (extended acknowledgement).
public struct NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the message was for.
    public let purpose: String
    /// Positive errno.
    public let errno: Int32
    /// The kernel's sentence; empty where it gave none.
    public let detail: String

    public init(purpose: String, errno: Int32, detail: String = "") {
        self.purpose = purpose
        self.errno = errno
        self.detail = detail
    }

    public var description: String {
        let reason = SystemError(call: purpose, errno: errno).description
        return detail.isEmpty ? reason : "\(reason) (\(detail))"
    }
}

/// A netlink socket for requests, one at a time: not to be shared between threads that use it at once.
public struct NetlinkSocket: Sendable {
    public enum Family: Int32, Sendable {
        case route = 0
        case netfilter = 12
    }

    public let descriptor: FileDescriptor

    /// A socket in the network namespace of this process.
    public init(_ family: Family) throws(NetlinkError) {
        let fd = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), family.rawValue)
        guard fd >= 0 else { throw NetlinkError(purpose: "open netlink socket", errno: Glibc.errno) }
        self.init(adopting: FileDescriptor(owning: fd))
    }

    /// A socket that was made elsewhere: it stays in the network namespace that it was made in.
    public init(adopting descriptor: FileDescriptor) {
        self.descriptor = descriptor
        // Both are kindnesses (words in errors, no echo of the request); a kernel without them is no failure.
        set(option: 11, to: 1)  // NETLINK_EXT_ACK
        set(option: 10, to: 1)  // NETLINK_CAP_ACK
    }

    private func set(option: Int32, to value: Int32) {
        var value = value
        let solNetlink: Int32 = 270
        _ = setsockopt(descriptor.rawValue, solNetlink, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Subscribes to a multicast group, e.g. 1 = RTNLGRP_LINK.
    ///
    /// Bound, that is, given a number: what the kernel tells on its own is said to come from number 0, and a socket never
    /// gets its own messages. One that has sent nothing yet has that number, too.
    public func join(group: Int32) throws(NetlinkError) {
        // struct sockaddr_nl (not in Swift's Glibc module): family, padding, number, groups. The kernel chooses the number.
        let address: [UInt16] = [UInt16(AF_NETLINK), 0, 0, 0, 0, 0]
        let status = address.withUnsafeBytes {
            bind(descriptor.rawValue, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard status == 0 else { throw NetlinkError(purpose: "bind netlink socket", errno: Glibc.errno) }
        var group = group
        guard setsockopt(descriptor.rawValue, 270, 1, &group, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw NetlinkError(purpose: "join netlink group \(group)", errno: Glibc.errno)
        }
    }

    /// Sends messages in one piece and waits until each is acknowledged.
    ///
    /// rtnetlink carries out each message by itself, so that after an error the others may have been done; nf_tables
    /// treats what stands between its batch markers as one transaction.
    /// - Returns: what the kernel sent besides acknowledgements.
    /// - Throws: the first refusal, or ETIMEDOUT.
    @discardableResult
    public func request(
        _ messages: [NetlinkMessage], milliseconds: Int64 = 5000
    ) throws(NetlinkError) -> [NetlinkReply] {
        var replies: [NetlinkReply] = []
        try exchange(messages, milliseconds: milliseconds) { replies.append($0) }
        return replies
    }

    /// As `request`, for what may be long: each answer is given to `body` as it comes, and not kept.
    public func dump(
        _ message: NetlinkMessage, milliseconds: Int64 = 5000, _ body: (NetlinkReply) -> Void
    ) throws(NetlinkError) {
        try exchange([message], milliseconds: milliseconds, body)
    }

    private func exchange(
        _ messages: [NetlinkMessage], milliseconds: Int64, _ body: (NetlinkReply) -> Void
    ) throws(NetlinkError) {
        guard let first = messages.first else { return }
        let start = UInt32(truncatingIfNeeded: Monotonic.nanoseconds() / 1000) & 0x7fff_ffff
        var bytes: [UInt8] = []
        var waiting: [UInt32: String] = [:]
        for (index, message) in messages.enumerated() {
            let sequence = start &+ UInt32(index)
            message.encode(sequence: sequence, to: &bytes)
            if message.flags & (NetlinkFlag.acknowledge | NetlinkFlag.dump) != 0 {
                waiting[sequence] = message.purpose
            }
        }
        try send(bytes, purpose: first.purpose)

        let end = Monotonic.milliseconds() + milliseconds
        var refusals: [(sequence: UInt32, error: NetlinkError)] = []
        while !waiting.isEmpty {
            // nf_tables may leave out the acknowledgements of the rest when one message was refused.
            let patience = refusals.isEmpty ? max(0, end - Monotonic.milliseconds()) : 0
            guard let received = try receive(milliseconds: Int32(clamping: patience)) else {
                if !refusals.isEmpty { break }
                throw NetlinkError(purpose: waiting.values.sorted().joined(separator: ", "), errno: ETIMEDOUT)
            }
            for reply in received {
                guard let purpose = waiting[reply.sequence] else { continue }
                switch reply.type {
                case 2:  // NLMSG_ERROR: an acknowledgement where the code is 0
                    waiting[reply.sequence] = nil
                    let code = -reply.payload.native(at: 0, as: Int32.self)
                    if code != 0 {
                        refusals.append((reply.sequence, Self.refusal(reply, purpose: purpose, code: code)))
                    }
                case 3:  // NLMSG_DONE: the end of a dump; an error may be in it
                    waiting[reply.sequence] = nil
                    let code = -reply.payload.native(at: 0, as: Int32.self)
                    if code > 0 { refusals.append((reply.sequence, NetlinkError(purpose: purpose, errno: code))) }
                default: body(reply)
                }
            }
        }
        if let refusal = refusals.min(by: { $0.sequence < $1.sequence }) { throw refusal.error }
    }

    /// NLMSGERR_ATTR_MSG (1) after the code and the header of the request, which NETLINK_CAP_ACK cuts to 16 bytes.
    static func refusal(_ reply: NetlinkReply, purpose: String, code: Int32) -> NetlinkError {
        let capped: UInt16 = 0x100
        let hasAttributes = reply.flags & 0x200 != 0
        guard hasAttributes, reply.flags & capped != 0 || reply.payload.count >= 20 else {
            return NetlinkError(purpose: purpose, errno: code)
        }
        let request = reply.flags & capped != 0 ? 16 : Int(reply.payload.native(at: 4, as: UInt32.self))
        return NetlinkError(purpose: purpose, errno: code, detail: reply.attributes(after: 4 + request)[1]?.text ?? "")
    }

    func send(_ bytes: [UInt8], purpose: String) throws(NetlinkError) {
        while true {
            if Glibc.send(descriptor.rawValue, bytes, bytes.count, 0) >= 0 { return }
            let code = Glibc.errno
            if code != EINTR { throw NetlinkError(purpose: purpose, errno: code) }
        }
    }

    /// The messages of one datagram; nil where none came within `milliseconds` (negative: for ever).
    /// ENOBUFS says that notifications were lost.
    public func receive(milliseconds: Int32) throws(NetlinkError) -> [NetlinkReply]? {
        do throws(SystemError) {
            guard try Poll.wait(descriptor, for: Int16(POLLIN), milliseconds: milliseconds) else { return nil }
        } catch {
            throw NetlinkError(purpose: "wait for netlink", errno: error.errno)
        }
        // Dumps come in datagrams of at most 32 KiB.
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = recv(descriptor.rawValue, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if got >= 0 { return NetlinkReply.parse(Array(buffer[..<got])) }
            let code = Glibc.errno
            if code == EAGAIN { return [] }
            if code != EINTR { throw NetlinkError(purpose: "read netlink", errno: code) }
        }
    }
}
