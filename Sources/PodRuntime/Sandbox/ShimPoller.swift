import Foundation
import LinuxKernel
import Synchronization

/// One thread that reads what all shims say: the cooperative threads never wait for a socket.
final class ShimPoller: Sendable {
    private let epoll: Epoll
    private let clients = Mutex<[UInt64: ShimClient]>([:])
    private let handlers = Mutex<[UInt64: @Sendable () -> Void]>([:])
    private let next = Mutex<UInt64>(1)

    init() throws(SystemError) {
        let epoll = try Epoll()
        self.epoll = epoll
        let thread = Thread { [weak self] in
            // Wakes each second to look at the deadlines of requests; a tenth of a permille of a core.
            while let events = try? epoll.wait(timeout: 1000) {
                guard let self else { return }
                self.serve(events)
            }
        }
        thread.name = "shims"
        thread.start()
    }

    private func serve(_ events: [Epoll.Event]) {
        let all = clients.withLock { $0 }
        for event in events {
            if let client = all[event.token] {
                client.receive()
            } else {
                handlers.withLock { $0[event.token] }?()
            }
        }
        let now = Monotonic.nanoseconds()
        for client in all.values { client.expire(now) }
    }

    private func makeToken() -> UInt64 {
        next.withLock { token in
            defer { token += 1 }
            return token
        }
    }

    /// From now on `handler` is called on the poller's thread when a descriptor can be read. It may not block.
    ///
    /// - Returns: what `remove` takes.
    @discardableResult
    func add(
        _ descriptor: FileDescriptor, _ handler: @escaping @Sendable () -> Void
    ) throws(SystemError) -> UInt64 {
        let token = makeToken()
        handlers.withLock { $0[token] = handler }
        do { try epoll.add(descriptor, .readable, token: token) } catch {
            handlers.withLock { $0[token] = nil }
            throw error
        }
        return token
    }

    /// The handler is not called any more, but for a call that is under way.
    func remove(_ descriptor: FileDescriptor, _ token: UInt64) {
        epoll.remove(descriptor)
        handlers.withLock { $0[token] = nil }
    }

    /// From now on `client.receive` is called when its socket has something.
    func add(_ client: ShimClient) throws(SystemError) {
        let token = makeToken()
        client.token.withLock { $0 = token }
        clients.withLock { $0[token] = client }
        do { try epoll.add(client.socket, .readable, token: token) } catch {
            clients.withLock { $0[token] = nil }
            throw error
        }
    }

    func remove(_ client: ShimClient) {
        epoll.remove(client.socket)
        let token = client.token.withLock { $0 }
        clients.withLock { $0[token] = nil }
    }
}
