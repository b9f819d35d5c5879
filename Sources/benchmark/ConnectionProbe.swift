import Foundation

/// Connects again and again, until it ends as expected.
struct ConnectionProbe: Sendable {
    let address: String
    let port: UInt16
    /// Between two attempts: what the client takes from the cores that it measures, and how exact it is.
    static let pause: UInt32 = 200

    /// The time of the first attempt that was led to a server (or was not); nil where there was none in time.
    func wait(until connects: Bool, deadline seconds: Int64) async -> Int64? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let end = realtime() + seconds * 1_000_000_000
                while realtime() < end {
                    if isServed() == connects { return continuation.resume(returning: realtime()) }
                    usleep(Self.pause)
                }
                continuation.resume(returning: nil)
            }
        }
    }

    /// Whether one connection is taken; it ends without lingering in any table of the host.
    private func isServed() -> Bool {
        guard let target = SocketTarget(address: address, port: port) else { return false }
        let descriptor = socket(target.family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 0, tv_usec: 500_000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        return target.connects(descriptor)
    }
}
