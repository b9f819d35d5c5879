import InternetAddress
import Synchronization

/// Whether the server listens yet, for those who wait for it.
final class Listening: Sendable {
    private struct State {
        var expected = 1
        var opened = 0
        /// Of the socket that was opened first.
        var firstPort: Result<Int, any Error>?
        var outcome: Result<Int, any Error>?
        var portWaiters: [CheckedContinuation<Int, any Error>] = []
        var waiters: [CheckedContinuation<Int, any Error>] = []
    }

    private let state = Mutex(State())

    /// The port; nil until all sockets are open.
    var port: Int? { state.withLock { try? $0.outcome?.get() } }

    /// How many sockets there will be.
    func expect(_ count: Int) { state.withLock { $0.expected = count } }

    /// Waits until all sockets are open.
    func wait() async throws {
        _ = try await withCheckedThrowingContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.waiters.append(continuation) }
                return state.outcome
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }

    /// Waits until the first socket is open, and returns its port.
    func firstPort() async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = state.withLock { state in
                if state.firstPort == nil { state.portWaiters.append(continuation) }
                return state.firstPort
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }

    /// A socket is open. Returns the first one's port where it was the last to be waited for.
    func opened(_ port: Int) -> Int? {
        let (waiters, last) = state.withLock { state in
            state.opened += 1
            let first = (try? state.firstPort?.get()) ?? port
            state.firstPort = .success(first)
            defer { state.portWaiters = [] }
            return (state.portWaiters, state.opened == state.expected ? first : nil)
        }
        for waiter in waiters { waiter.resume(returning: port) }
        return last
    }

    func succeed(_ port: Int) { finish(.success(port)) }
    func fail(_ error: any Error) { finish(.failure(error)) }

    private func finish(_ outcome: Result<Int, any Error>) {
        let waiters = state.withLock { state in
            guard state.outcome == nil else { return [CheckedContinuation<Int, any Error>]() }
            state.outcome = outcome
            if state.firstPort == nil { state.firstPort = outcome }
            defer {
                state.waiters = []
                state.portWaiters = []
            }
            return state.waiters + state.portWaiters
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }
}

/// The API cannot listen at one of its addresses.
struct ListenError: Error, Sendable, CustomStringConvertible {
    var address: IPAddress
    var port: Int
    var reason: String

    var description: String { "the API cannot listen at \(address) port \(port): \(reason)" }
}
