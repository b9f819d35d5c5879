import Glibc

extension NetlinkSocket {
    /// The largest transaction, in bytes: some 50,000 services.
    public static let transactionLimit = 64 << 20

    /// Carries out nf_tables messages in one transaction: all of them, or none.
    ///
    /// A transaction has to be one datagram, so the socket's buffer is made as large as that is. Only the last message asks
    /// for an answer (those of thousands would not fit the receive buffer); refusals come without being asked for, and all
    /// of them are there when sending returns, since the kernel does the work inside of it.
    /// - Throws: the first refusal, with its message's purpose; EMSGSIZE above `transactionLimit`.
    public func commit(_ messages: [NetlinkMessage]) throws(NetlinkError) {
        guard !messages.isEmpty else { return }
        let all = TablesMessage.transaction(messages)
        let size = all.reduce(0) { $0 + 16 + $1.payload.count }
        guard size <= Self.transactionLimit else {
            throw NetlinkError(
                purpose: "change nftables by \(messages.count) messages", errno: EMSGSIZE,
                detail: "\(size) bytes in one transaction, at most \(Self.transactionLimit) are possible")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for (index, message) in all.enumerated() {
            message.encode(sequence: UInt32(index), acknowledged: index == all.count - 2, to: &bytes)
        }
        enlarge(sending: size, receiving: 4 << 20)
        try send(bytes, purpose: "change nftables by \(messages.count) messages")

        var isAnswered = false
        var refusal: NetlinkError?
        do throws(NetlinkError) {
            while let received = try receive(milliseconds: 0), !received.isEmpty {
                for reply in received where reply.type == 2 && all.indices.contains(Int(reply.sequence)) {
                    let code = -reply.payload.native(at: 0, as: Int32.self)
                    if code == 0 { isAnswered = true }
                    guard code != 0, refusal == nil else { continue }
                    // What is refused as a whole (a loop of chains, say) is told of the first marker.
                    let message = all[Int(reply.sequence)]
                    let purpose =
                        reply.sequence == 0 ? "change nftables by \(messages.count) messages" : message.purpose
                    refusal = Self.refusal(reply, purpose: purpose, code: code)
                }
            }
        } catch {
            // More refusals than the buffer takes: the first is known, and it is what counts.
            if refusal == nil { throw error }
        }
        if let refusal { throw refusal }
        guard isAnswered else {
            throw NetlinkError(purpose: "change nftables by \(messages.count) messages", errno: ETIMEDOUT)
        }
    }

    /// Beyond the machine's limits where that is allowed, up to them otherwise: then a large transaction is EMSGSIZE.
    private func enlarge(sending: Int, receiving: Int) {
        // SO_SNDBUF 7, SO_SNDBUFFORCE 32, SO_RCVBUF 8, SO_RCVBUFFORCE 33. The kernel keeps 32 bytes for itself.
        for (force, plain, size) in [(Int32(32), Int32(7), sending + 4096), (33, 8, receiving)] {
            var value = Int32(clamping: size)
            let length = socklen_t(MemoryLayout<Int32>.size)
            if setsockopt(descriptor.rawValue, SOL_SOCKET, force, &value, length) != 0 {
                _ = setsockopt(descriptor.rawValue, SOL_SOCKET, plain, &value, length)
            }
        }
    }
}
