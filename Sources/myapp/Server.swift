import Glibc

/// A call that failed at the start.
struct StartError: Error, CustomStringConvertible {
    let call: String
    let code: Int32

    init(_ call: String) {
        code = errno
        self.call = call
    }

    var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Where the signal handler writes: set once before the handler is.
nonisolated(unsafe) private var stopPipe: Int32 = -1

/// A single-threaded HTTP/1.1 server: one `poll` over the listener and every connection, so that a slow client holds
/// up nobody.
struct Server {
    /// More clients than this wait in the kernel's queue.
    private static let maximumConnections = 512
    /// Seconds for open requests after SIGTERM.
    private static let drainPatience = 2

    private let settings: Settings
    private let listener: Int32
    /// Readable once SIGTERM or SIGINT came.
    private let stops: Int32

    /// Binds to all addresses of IPv4 and IPv6 where there is IPv6.
    init(settings: Settings) throws(StartError) {
        self.settings = settings
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw StartError("pipe") }
        stops = ends[0]
        stopPipe = ends[1]
        // As PID 1 of a container the default action would be none at all.
        for number in [SIGTERM, SIGINT] {
            _ = signal(number) { _ in _ = write(stopPipe, [1], 1) }
        }
        listener = try Self.listen(port: settings.port)
    }

    private static func listen(port: UInt16) throws(StartError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        var yes: Int32 = 1
        var no: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        let dual = socket(AF_INET6, kind, 0)
        if dual >= 0 {
            setsockopt(dual, SOL_SOCKET, SO_REUSEADDR, &yes, size)
            setsockopt(dual, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &no, size)
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(dual, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
            if bound == 0, Glibc.listen(dual, 256) == 0 { return dual }
            // EADDRNOTAVAIL: IPv6 is switched off in this network namespace.
            guard errno == EADDRNOTAVAIL else { throw StartError("listening on port \(port)") }
            close(dual)
        }
        let plain = socket(AF_INET, kind, 0)
        guard plain >= 0 else { throw StartError("socket") }
        setsockopt(plain, SOL_SOCKET, SO_REUSEADDR, &yes, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(plain, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Glibc.listen(plain, 256) == 0 else { throw StartError("listening on port \(port)") }
        return plain
    }

    /// Serves until SIGTERM or SIGINT, then finishes what was begun.
    func run() {
        var connections: [Connection] = []
        var drainEnd: Int?
        while true {
            let listening = drainEnd == nil && connections.count < Self.maximumConnections
            var polled = connections.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            polled.append(pollfd(fd: drainEnd == nil ? stops : -1, events: Int16(POLLIN), revents: 0))
            polled.append(pollfd(fd: listening ? listener : -1, events: Int16(POLLIN), revents: 0))
            let idle = connections.isEmpty && drainEnd == nil
            let ready = poll(&polled, nfds_t(polled.count), idle ? -1 : 1000)
            let now = Self.seconds()
            let present = connections.count
            if ready > 0, polled[present].revents != 0 {
                drainEnd = now + Self.drainPatience
                // Whoever waits in the kernel's queue is connected already: closing the listener would reset them.
                accept(into: &connections, now: now)
                close(listener)
            }
            if ready > 0 {
                let draining = drainEnd != nil
                var kept: [Connection] = []
                for (index, known) in connections.enumerated() {
                    var connection = known
                    if index >= present || polled[index].revents == 0
                        || connection.advance(settings: settings, draining: draining, now: now)
                    {
                        kept.append(connection)
                    } else {
                        close(connection.descriptor)
                    }
                }
                connections = kept
                if !draining, polled[polled.count - 1].revents != 0 { accept(into: &connections, now: now) }
            }
            // Who is too slow is cut off; when stopping, so is who waits for nothing. A connection that has not been used
            // yet has a request under way.
            connections.removeAll { connection in
                let over = connection.deadline <= now || (drainEnd != nil && connection.isIdle)
                if over { close(connection.descriptor) }
                return over
            }
            if let drainEnd, connections.isEmpty || drainEnd <= now { return }
        }
    }

    private func accept(into connections: inout [Connection], now: Int) {
        while connections.count < Self.maximumConnections {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            connections.append(Connection(descriptor: descriptor, now: now))
        }
    }

    /// Whole seconds of the monotonic clock.
    private static func seconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec
    }
}
