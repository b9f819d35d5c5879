import KubernetesAPI
import Logging
import Synchronization

/// Tokens of service accounts for the volumes of pods, each bound to its pod: asked for once, kept, and asked for anew
/// when 80 % of their life is over, or after a day (KEP-1205; kubelet: `pkg/kubelet/token`).
final class ServiceAccountTokens: Sendable {
    struct Token: Sendable, Hashable {
        var text: String
        /// Nanoseconds since 1970, as the time after it.
        var expiresAt: Int64
        /// When a newer one is due.
        var refreshAt: Int64
    }

    private struct Key: Hashable {
        var pod: String
        var account: String
        var audience: String
        var expirationSeconds: Int64?
    }

    /// The longest that a token is used, however long it is good for.
    private static let longestUse = Duration.seconds(24 * 3600)
    /// Tokens that were asked for together are not asked for again together.
    static let longestJitter = Duration.seconds(10)
    /// When it is tried again where the API has refused a newer one and the present one is still good.
    static let retryDelay = Duration.seconds(30)

    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger
    private let tokens = Mutex<[Key: Token]>([:])

    init(client: APIClient, time: TimeSource, logger: Logger) {
        self.client = client
        self.time = time
        self.logger = logger
    }

    /// A token that is good now: the one that is there, or a new one where that is due.
    func token(for pod: Pod, _ source: ServiceAccountTokenProjection) async throws -> Token {
        let key = Key(
            pod: pod.metadata.uid, account: pod.spec.serviceAccountName, audience: source.audience,
            expirationSeconds: source.expirationSeconds)
        let present = tokens.withLock { $0[key] }
        if let present, now < present.refreshAt { return present }
        do {
            let token = try await request(for: pod, source)
            tokens.withLock { $0[key] = token }
            return token
        } catch {
            guard var present, now < present.expiresAt else { throw error }
            logger.warning(
                "token of a service account not renewed", metadata: ["pod": "\(pod.key)", "error": "\(error)"])
            present.refreshAt = now + Self.retryDelay.nanoseconds
            return present
        }
    }

    /// Nothing of the pod is left.
    func forget(_ uid: String) {
        tokens.withLock { tokens in
            for key in tokens.keys where key.pod == uid { tokens[key] = nil }
        }
    }

    private var now: Int64 { time.preciseNow.microseconds * 1000 }

    private func request(for pod: Pod, _ source: ServiceAccountTokenProjection) async throws -> Token {
        var wanted = TokenRequest()
        if !source.audience.isEmpty { wanted.spec.audiences = [source.audience] }
        wanted.spec.expirationSeconds = source.expirationSeconds
        var owner = BoundObjectReference()
        owner.apiVersion = "v1"
        owner.kind = "Pod"
        owner.name = pod.metadata.name
        owner.uid = pod.metadata.uid
        wanted.spec.boundObjectRef = owner
        let answer = try TokenRequest(
            json: await client.transport.send(
                APIRequest(
                    verb: .create, group: "", version: "v1", resource: "serviceaccounts",
                    namespace: pod.metadata.namespace, name: pod.spec.serviceAccountName, subresource: "token",
                    body: wanted.json)))
        guard !answer.status.token.isEmpty, let expiration = answer.status.expirationTimestamp else {
            throw ReferenceError(message: "the API sent no token of service account \(pod.spec.serviceAccountName)")
        }
        return Self.token(
            answer.status.token, expiresAt: expiration.seconds * 1_000_000_000,
            life: .seconds(answer.spec.expirationSeconds ?? source.expirationSeconds ?? 3600),
            jitter: Self.longestJitter * Double.random(in: 0..<1))
    }

    /// When a token is renewed: after 80 % of its life or a day, whichever comes first, a little earlier.
    static func token(_ text: String, expiresAt: Int64, life: Duration, jitter: Duration) -> Token {
        let issuedAt = expiresAt - life.nanoseconds
        let use = min(life * 4 / 5, longestUse)
        return Token(text: text, expiresAt: expiresAt, refreshAt: issuedAt + (use - jitter).nanoseconds)
    }
}
