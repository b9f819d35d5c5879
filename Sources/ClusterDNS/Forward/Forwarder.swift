import InternetAddress
import KubernetesAPI
import Logging
import Synchronization

/// Asks the host's resolvers for names that are not the cluster's, and keeps what they say while it holds.
///
/// The same question is asked once, however many wait for it. What waits, what is under way and what is kept is
/// bounded.
final class Forwarder: Sendable {
    /// What makes two questions the same.
    struct Key: Sendable, Hashable {
        var name: DomainName
        var type: RecordType
        var dnssecOK = false
        var checkingDisabled = false
    }

    struct Limits: Sendable {
        /// How long one server is waited for.
        var attempt = Duration.seconds(2)
        /// How long a client waits at most; its resolver gives up after 5 s as a rule.
        var total = Duration.seconds(4)
        /// Questions under way; each has a socket.
        var outstanding = 512
        /// Clients that wait for them.
        var waiting = 8192
        /// How long a server that did not answer is asked after the others.
        var penalty = Duration.seconds(10)
    }

    typealias Completion = @Sendable (Resolution) -> Void

    private struct State {
        var cache: AnswerCache<Key>
        /// Who waits for what is under way.
        var pending: [Key: [Completion]] = [:]
        var waiting = 0
        /// When a server did not answer.
        var failures: [Int: Duration] = [:]
        var isClosed = false
    }

    private let upstreams: [ClusterDNSConfiguration.Upstream]
    private let limits: Limits
    private let exchange: UpstreamExchange
    private let elapsed: @Sendable () -> Duration
    private let logger: Logger
    private let state: Mutex<State>
    private let jobs: AsyncStream<Key>
    private let job: AsyncStream<Key>.Continuation

    /// - Parameter upstreams: none of them this responder itself.
    init(
        upstreams: [ClusterDNSConfiguration.Upstream], cacheCapacity: Int, exchange: UpstreamExchange,
        limits: Limits = Limits(), time: TimeSource = .system, logger: Logger
    ) {
        self.upstreams = upstreams
        self.limits = limits
        self.exchange = exchange
        elapsed = time.stopwatch()
        self.logger = logger
        state = Mutex(State(cache: AnswerCache(capacity: cacheCapacity)))
        // Never more in it than may be outstanding.
        (jobs, job) = AsyncStream.makeStream()
    }

    /// The answer where it is known or cannot be had; else nil, and `completion` is called once, on any thread.
    func resolve(_ key: Key, completion: @escaping Completion) -> Resolution? {
        let now = elapsed()
        return state.withLock { state in
            if let kept = state.cache.get(key, now: now) { return kept }
            guard !upstreams.isEmpty, !state.isClosed, state.waiting < limits.waiting else { return .failure }
            if state.pending[key] == nil {
                guard state.pending.count < limits.outstanding else { return .failure }
                job.yield(key)
            }
            state.pending[key, default: []].append(completion)
            state.waiting += 1
            return nil
        }
    }

    /// Asks until the task is cancelled; who waits then is told of a failure, as everyone after that.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await key in jobs {
                group.addTask { [self] in finish(key, await ask(key)) }
            }
        }
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.pending = [:] }
            return state.pending.values.flatMap { $0 }
        }
        for completion in left { completion(.failure) }
    }

    private func finish(_ key: Key, _ resolution: Resolution) {
        let now = elapsed()
        let completions = state.withLock { state in
            state.cache.put(key, resolution, lifetime: resolution.lifetime(key.type), now: now)
            let completions = state.pending.removeValue(forKey: key) ?? []
            state.waiting -= completions.count
            return completions
        }
        for completion in completions { completion(resolution) }
    }

    // MARK: Asking

    /// Asks one server after the other, and those that said nothing once more.
    private func ask(_ key: Key) async -> Resolution {
        let deadline = elapsed() + limits.total
        var candidates = order()
        var last = Resolution.failure
        for _ in 0..<2 {
            for index in candidates {
                let left = deadline - elapsed()
                guard left > .zero, !Task.isCancelled else { return last }
                do {
                    let reply = try await ask(key, of: upstreams[index], within: min(limits.attempt, left))
                    state.withLock { $0.failures[index] = nil }
                    last = Resolution(reply)
                    if [.noError, .nameError].contains(reply.code) { return last }
                    // It would say the same again; another one may know better.
                    candidates.removeAll { $0 == index }
                } catch {
                    let now = elapsed()
                    state.withLock { $0.failures[index] = now }
                    logger.debug(
                        "upstream did not answer",
                        metadata: ["upstream": "\(upstreams[index].address)", "error": "\(error)"])
                }
            }
        }
        return last
    }

    /// The servers in the order of the configuration, those that did not answer lately at the end.
    private func order() -> [Int] {
        let now = elapsed()
        let failed = state.withLock { state in
            Set(state.failures.filter { now - $0.value < limits.penalty }.keys)
        }
        return upstreams.indices.filter { !failed.contains($0) } + upstreams.indices.filter { failed.contains($0) }
    }

    private func ask(
        _ key: Key, of upstream: ClusterDNSConfiguration.Upstream, within time: Duration
    ) async throws -> Message {
        let deadline = elapsed() + time
        var query = Message(
            header: MessageHeader(id: .random(in: 0...UInt16.max)), question: Question(name: key.name, type: key.type))
        query.header.recursionDesired = true
        query.header.authenticData = true
        query.header.checkingDisabled = key.checkingDisabled
        query.extended = ExtendedDNS(payloadSize: Responder.maximumDatagram, dnssecOK: key.dnssecOK)
        let reply = try await exchange.ask(query, of: upstream, within: time)
        guard [.formatError, .notImplemented].contains(reply.code) else { return reply }
        // A server from before EDNS (RFC 6891 section 7).
        query.extended = nil
        query.header.id = .random(in: 0...UInt16.max)
        return try await exchange.ask(query, of: upstream, within: max(deadline - elapsed(), .zero))
    }
}
