import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol
import Synchronization

/// The agent's end of the line to one pod's supervisor: requests with answers and deadlines, and events.
final class ShimClient: Sendable {
    struct Answer: Sendable {
        let message: Message
        let descriptors: [FileDescriptor]
    }

    private struct Pending {
        let continuation: CheckedContinuation<Answer, any Error>
        /// CLOCK_MONOTONIC, nanoseconds.
        let deadline: Int64
    }

    private struct State {
        var sequence: UInt32 = 0
        var pending: [UInt32: Pending] = [:]
        var isClosed = false
    }

    let socket: FileDescriptor
    /// Given by the poller.
    let token = Mutex<UInt64>(0)
    private let sandbox: String
    private let state = Mutex(State())
    /// Exits of containers, in order; ends when the line is cut.
    let exits: AsyncStream<ContainerFacts>
    private let continuation: AsyncStream<ContainerFacts>.Continuation

    /// - Parameter socket: connected; it is made non-blocking.
    init(socket: FileDescriptor, sandbox: String) throws(SystemError) {
        try socket.setNonBlocking(true)
        self.socket = socket
        self.sandbox = sandbox
        (exits, continuation) = AsyncStream.makeStream(of: ContainerFacts.self)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Sends a request and waits for its answer. `refused` is thrown as an error of `kind`.
    func request(
        _ message: Message, _ descriptors: [FileDescriptor] = [], kind: RuntimeError.Kind, step: String,
        deadline: Duration = .seconds(10)
    ) async throws -> Answer {
        try await request(message, descriptors, kind: kind, step: step, deadline: deadline, sent: { _ in })
    }

    /// As `request`. Where the task is cancelled, or the deadline passes, the supervisor is told to end what the request
    /// has begun; that it has done so is the answer.
    ///
    /// - Parameter cancellation: the message that says so, for a request's number.
    func request(
        _ message: Message, _ descriptors: [FileDescriptor], kind: RuntimeError.Kind, step: String, deadline: Duration,
        cancellation: @escaping @Sendable (UInt32) -> Message
    ) async throws -> Answer {
        let cancelled = Cancelled()
        do {
            return try await withTaskCancellationHandler {
                try await request(
                    message, descriptors, kind: kind, step: step, deadline: deadline,
                    sent: { sequence in if cancelled.sent(sequence) { post(cancellation(sequence)) } })
            } onCancel: {
                if let sequence = cancelled.cancel() { post(cancellation(sequence)) }
            }
        } catch let error as RuntimeError where error.kind == .timeout {
            if let sequence = cancelled.cancel() { post(cancellation(sequence)) }
            throw error
        }
    }

    /// Whichever comes second, the request or its cancellation, sees to it that the supervisor is told.
    private final class Cancelled: Sendable {
        private let state = Mutex<(sequence: UInt32?, isCancelled: Bool)>((nil, false))

        /// Whether it was cancelled before.
        func sent(_ sequence: UInt32) -> Bool {
            state.withLock {
                $0.sequence = sequence
                return $0.isCancelled
            }
        }

        /// The request's number, where it was sent and not cancelled before.
        func cancel() -> UInt32? {
            state.withLock { state in
                defer { state.isCancelled = true }
                return state.isCancelled ? nil : state.sequence
            }
        }
    }

    /// Sends what nobody waits for an answer to. A supervisor that is gone, or does not read, is found out by others.
    private func post(_ message: Message) {
        let sequence = state.withLock { state in
            state.sequence &+= 1
            return state.sequence
        }
        try? PacketSocket.send(message.encoded(sequence: sequence), to: socket)
    }

    private func request(
        _ message: Message, _ descriptors: [FileDescriptor], kind: RuntimeError.Kind, step: String, deadline: Duration,
        sent: (UInt32) -> Void
    ) async throws -> Answer {
        let due = Monotonic.nanoseconds() + deadline.nanoseconds
        let answer = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Answer, any Error>) in
            let sequence: UInt32? = state.withLock { state in
                guard !state.isClosed else { return nil }
                state.sequence &+= 1
                state.pending[state.sequence] = Pending(continuation: continuation, deadline: due)
                return state.sequence
            }
            guard let sequence else { return continuation.resume(throwing: lost()) }
            Failpoint.hit("shim.request.before")
            do throws(SystemError) {
                try PacketSocket.send(message.encoded(sequence: sequence), descriptors, to: socket)
            } catch {
                // Nobody else has answered it: a number that was not sent has no answer. After a close it is gone.
                let waiting = state.withLock { $0.pending.removeValue(forKey: sequence) }
                waiting?.continuation.resume(
                    throwing: error.errno == EPIPE ? lost() : RuntimeError(kind, step: step, error))
            }
            sent(sequence)
            Failpoint.hit("shim.request.after")
        }
        if case .refused(let errno, let reason) = answer.message {
            throw RuntimeError(kind, step: step, object: sandbox, errno: errno, message: "\(step): \(reason)")
        }
        return answer
    }

    private func lost() -> RuntimeError {
        RuntimeError(
            .shimLost, step: "shim", object: sandbox, message: "the supervisor of sandbox \(sandbox) is gone")
    }

    /// Called by the poller: takes all packets that are there.
    func receive() {
        while true {
            do throws(SystemError) {
                guard let packet = try PacketSocket.receive(from: socket) else { return close() }
                take(packet)
            } catch {
                if error.errno == EAGAIN || error.errno == EMSGSIZE { return }
                return close()
            }
        }
    }

    private func take(_ packet: PacketSocket.Packet) {
        // A message that this agent does not know is from a newer shim: not an answer to anything that was asked.
        guard let (sequence, message) = try? Message.decode(packet.bytes) else { return }
        Failpoint.hit("shim.message.received")
        if case .exited(let facts) = message {
            continuation.yield(facts)
            return
        }
        let waiting = state.withLock { $0.pending.removeValue(forKey: sequence) }
        waiting?.continuation.resume(returning: Answer(message: message, descriptors: packet.descriptors))
    }

    /// Called by the poller: requests whose deadline has passed.
    func expire(_ now: Int64) {
        let late = state.withLock { state in
            let late = state.pending.filter { $0.value.deadline < now }
            for sequence in late.keys { state.pending[sequence] = nil }
            return late
        }
        for pending in late.values {
            pending.continuation.resume(
                throwing: RuntimeError(
                    .timeout, step: "shim", object: sandbox,
                    message: "the supervisor of sandbox \(sandbox) did not answer in time"))
        }
    }

    /// The line is cut: everything that waits is answered.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.pending.removeAll() }
            return state.pending
        }
        for pending in waiting.values { pending.continuation.resume(throwing: lost()) }
        continuation.finish()
    }
}
