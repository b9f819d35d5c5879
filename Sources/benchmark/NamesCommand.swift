import ArgumentParser
import Foundation

/// Answers of a name server: how many in a second, and how long each takes.
struct NamesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns", abstract: "Measure a name server, over UDP.")

    @Argument(help: "ADDRESS:PORT, e.g. 10.96.0.10:53 or [fd00::a]:53.")
    var server: String
    @Argument(help: "The name that is asked for, with type A.")
    var name: String
    @Option(help: "Seconds that each measurement takes.")
    var seconds = 3.0
    @Option(help: "Queries that are under way at once, for the figure of answers per second.")
    var window = 64

    func run() throws {
        let client = try NameClient(server: server, name: name)
        // What is slow the first time is not what is measured.
        _ = try client.measure(window: window, seconds: min(seconds, 0.5))
        let idle = try client.measure(window: 1, seconds: seconds)
        let busy = try client.measure(window: window, seconds: seconds)
        let figures = [
            Figure(name: "DNS answers, \(window) queries under way", unit: "/s", samples: [busy.rate], target: "20000"),
            Figure(name: "DNS answer, \(window) under way, p50", unit: "ms", samples: [busy.percentile(50)]),
            Figure(name: "DNS answer, \(window) under way, p99", unit: "ms", samples: [busy.percentile(99)]),
            Figure(name: "DNS answer, one at a time, p50", unit: "ms", samples: [idle.percentile(50)]),
            Figure(
                name: "DNS answer, one at a time, p99", unit: "ms", samples: [idle.percentile(99)],
                target: "below 1"),
            Figure(
                name: "DNS queries without an answer within a second", unit: "",
                samples: [Double(idle.lost + busy.lost)], target: "0"),
        ]
        for figure in figures {
            progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)")
            print(figure.row)
        }
    }
}

/// Asks one question over and over on one socket.
private final class NameClient {
    struct Outcome {
        /// Milliseconds, sorted.
        var times: [Double]
        var lost: Int
        var seconds: Double

        var rate: Double { Double(times.count) / seconds }

        func percentile(_ percent: Int) -> Double {
            times.isEmpty ? .nan : times[min(times.count * percent / 100, times.count - 1)]
        }
    }

    private let socket: Int32
    private let server: String
    /// Without the identifier.
    private let query: [UInt8]

    /// - Parameter server: ADDRESS:PORT.
    init(server: String, name: String) throws {
        guard let colon = server.lastIndex(of: ":") else { throw BenchmarkError("\(server) is not ADDRESS:PORT") }
        let host = server[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(server[server.index(after: colon)...]), &hints, &found) == 0, let found else {
            throw BenchmarkError("\(server) is not ADDRESS:PORT")
        }
        defer { freeaddrinfo(found) }
        socket = Glibc.socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        guard socket >= 0, connect(socket, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            throw BenchmarkError("\(server) cannot be reached: \(String(cString: strerror(errno)))")
        }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        self.server = server
        // RD, one question, type A, class IN.
        var query: [UInt8] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") {
            guard (1...63).contains(label.utf8.count) else { throw BenchmarkError("\(name) is no name") }
            query += [UInt8(label.utf8.count)] + label.utf8
        }
        self.query = query + [0, 0, 1, 0, 1]
    }

    deinit { close(socket) }

    /// Keeps `window` queries under way. A second without any answer means that those under way are lost.
    func measure(window: Int, seconds: Double) throws -> Outcome {
        /// When each query was sent, by its identifier.
        var sent = [Int64](repeating: 0, count: Int(UInt16.max) + 1)
        var next: UInt16 = 0
        var underway = 0
        var outcome = Outcome(times: [], lost: 0, seconds: 0)
        var buffer = [UInt8](repeating: 0, count: 1500)
        func send() throws {
            let packet = [UInt8(next >> 8), UInt8(next & 0xff)] + query
            sent[Int(next)] = realtime()
            guard Glibc.send(socket, packet, packet.count, 0) == packet.count else {
                throw BenchmarkError("\(server): \(String(cString: strerror(errno)))")
            }
            next &+= 1
            underway += 1
        }
        let start = realtime()
        let end = start + Int64(seconds * 1e9)
        while realtime() < end || underway > 0 {
            while underway < window, realtime() < end { try send() }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count >= 12 else {
                if count < 0, errno != EAGAIN { throw BenchmarkError("\(server): \(String(cString: strerror(errno)))") }
                outcome.lost += underway
                underway = 0
                sent = sent.map { _ in 0 }
                continue
            }
            let id = Int(buffer[0]) << 8 | Int(buffer[1])
            guard sent[id] != 0 else { continue }
            guard buffer[3] & 0xf == 0 else { throw BenchmarkError("\(server) answers with code \(buffer[3] & 0xf)") }
            outcome.times.append(milliseconds(from: sent[id], to: realtime()))
            sent[id] = 0
            underway -= 1
        }
        outcome.seconds = milliseconds(from: start, to: realtime()) / 1000
        outcome.times.sort()
        return outcome
    }
}
