import Foundation

/// Asks a resolver for an address over UDP, again and again: each client waits for its answer before it asks again.
struct NameLoad: Sendable {
    let resolver: String
    var port: UInt16 = 53
    let name: String

    struct Result: Sendable {
        var answersPerSecond: Double
        /// Microseconds.
        var median: Double
        var p99: Double
    }

    /// - Throws: `BenchmarkError` where an answer is missing or is not the name's address.
    func run(clients: Int, seconds: Double) async throws -> Result {
        let begun = realtime()
        let end = begun + Int64(seconds * 1e9)
        let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<clients { group.addTask { try await ask(until: end, first: UInt16(client) << 8) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let took = Double(realtime() - begun) / 1e9
        let sorted = latencies.sorted()
        guard !sorted.isEmpty else { throw BenchmarkError("\(resolver): no answer to \(name)") }
        return Result(
            answersPerSecond: Double(sorted.count) / took, median: sorted[sorted.count / 2],
            p99: sorted[min(sorted.count * 99 / 100, sorted.count - 1)])
    }

    private func ask(until end: Int64, first: UInt16) async throws -> [Double] {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try loop(until: end, first: first) }) }
        }
    }

    /// On a thread of its own: these calls block.
    private func loop(until end: Int64, first: UInt16) throws -> [Double] {
        guard let target = SocketTarget(address: resolver, port: port) else {
            throw BenchmarkError("\(resolver): no address")
        }
        let descriptor = socket(target.family, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchmarkError("socket: errno \(errno)") }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard target.connects(descriptor) else { throw BenchmarkError("\(resolver): errno \(errno)") }
        var latencies: [Double] = []
        var answer = [UInt8](repeating: 0, count: 512)
        var id = first
        while realtime() < end {
            id &+= 1
            let query = query(id)
            let begun = realtime()
            guard send(descriptor, query, query.count, 0) == query.count else {
                throw BenchmarkError("\(resolver): send: errno \(errno)")
            }
            let count = recv(descriptor, &answer, answer.count, 0)
            guard count >= 12 else { throw BenchmarkError("\(resolver): no answer to \(name): errno \(errno)") }
            // Our id, an answer without an error, and at least one record in it.
            guard answer[0] == query[0], answer[1] == query[1], answer[2] & 0x80 != 0, answer[3] & 0xf == 0,
                answer[6] != 0 || answer[7] != 0
            else { throw BenchmarkError("\(resolver): \(name) has no address: \(answer[..<12])") }
            latencies.append(Double(realtime() - begun) / 1e3)
        }
        return latencies
    }

    /// RFC 1035 section 4.1: one question for an A record, recursion desired.
    private func query(_ id: UInt16) -> [UInt8] {
        var query: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xff), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") { query += [UInt8(label.utf8.count)] + Array(label.utf8) }
        return query + [0, 0, 1, 0, 1]
    }
}
