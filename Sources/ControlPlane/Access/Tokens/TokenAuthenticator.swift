import Crypto
import Foundation
import KubernetesAPI
import Synchronization

/// Who shows a token: checks tokens of service accounts, and remembers those that were good.
///
/// A remembered token costs a hash and two or three look-ups: its times are compared, and the account and what it is
/// bound to are looked at again where they have changed. Nothing has to be told when they go.
final class TokenAuthenticator: Sendable {
    /// Seconds by which clocks may differ, and for which a token outlives what it is bound to.
    static let leeway: Int64 = 60
    /// Who it is, and for which of the wanted audiences.
    struct Identity: Sendable, Hashable {
        var user: User
        var audiences: [String]
    }

    /// What a token is bound to, in the versions in which that was found to be right.
    private struct Standing: Sendable {
        var versions: [Int64]
        /// After this nothing of it counts: something is being deleted. Nil where nothing is.
        var endsAt: Int64?
    }

    private struct Entry: Sendable {
        var claims: TokenClaims
        var user: User
        var standing: Standing
    }

    let key: SigningKey
    let issuer: String
    /// Whom a token of this API is for, unless it says otherwise.
    let audiences: [String]
    private let store: Store
    private let now: @Sendable () -> Int64
    private let known = Mutex(RecentlyUsed<SHA256.Digest, Entry>(limit: 4096))

    /// - Parameters:
    ///   - issuer: the API's address in the cluster.
    ///   - now: seconds since 1970.
    init(key: SigningKey, store: Store, issuer: String, now: @escaping @Sendable () -> Int64) {
        self.key = key
        self.store = store
        self.issuer = issuer
        audiences = [issuer]
        self.now = now
    }

    /// Where others find what verifies tokens (OpenID Connect Discovery 1.0, section 3).
    var issuerDescription: JSONValue {
        [
            "issuer": .string(issuer), "jwks_uri": .string("\(issuer)/openid/v1/jwks"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [.string(SigningKey.algorithm)],
        ]
    }

    /// - Parameter wanted: the audiences of which the token has to be for one; nil takes the API's.
    func authenticate(_ token: String, for wanted: [String]? = nil) throws(TokenRefusal) -> Identity {
        let digest = SHA256.hash(data: Data(token.utf8))
        var entry: Entry
        if let found = known.withLock({ $0[digest] }) {
            entry = found
            try checkTimes(found.claims)
            let standing = try standing(of: found.claims, known: found.standing)
            if standing.versions != found.standing.versions {
                entry.standing = standing
                known.withLock { [entry] in $0[digest] = entry }
            }
        } else {
            let claims = try JSONWebToken.verify(token, with: key)
            let account = ObjectKey(namespace: claims.namespace, name: claims.account.name)
            guard claims.issuer == issuer, claims.subject == ServiceAccountUser.name(account) else {
                throw .wrongIssuer
            }
            try checkTimes(claims)
            entry = Entry(claims: claims, user: claims.user, standing: try standing(of: claims, known: nil))
            known.withLock { [entry] in $0[digest] = entry }
        }
        let shared = (wanted ?? audiences).filter(entry.claims.audiences.contains)
        guard !shared.isEmpty else { throw .wrongAudience }
        return Identity(user: entry.user, audiences: shared)
    }

    private func checkTimes(_ claims: TokenClaims) throws(TokenRefusal) {
        let now = now()
        guard claims.notBefore <= now + Self.leeway, claims.issuedAt <= now + Self.leeway else { throw .notYetValid }
        guard now - Self.leeway <= claims.expiresAt else { throw .expired }
    }

    /// Looks at the account and at what the token is bound to, where they are not as they were.
    private func standing(of claims: TokenClaims, known: Standing?) throws(TokenRefusal) -> Standing {
        let namespace = claims.namespace
        var references = [("serviceaccounts", namespace, claims.account)]
        if let pod = claims.pod { references.append(("pods", namespace, pod)) }
        if let secret = claims.secret { references.append(("secrets", namespace, secret)) }
        // The node of a pod's token is told, not asked for: the token lives as long as the pod.
        if let node = claims.node, claims.pod == nil { references.append(("nodes", "", node)) }
        var standing = Standing(versions: [])
        var objects: [StoredObject] = []
        for (collection, namespace, reference) in references {
            guard let object = store.object(collection, ObjectKey(namespace: namespace, name: reference.name)) else {
                throw .invalidated("\(collection) \(reference.name.quoted) not found")
            }
            standing.versions.append(object.resourceVersion)
            objects.append(object)
        }
        if let known, known.versions == standing.versions {
            standing.endsAt = known.endsAt
        } else {
            for (object, (collection, _, reference)) in zip(objects, references) {
                let metadata = object.value["metadata"]
                guard metadata?["uid"]?.stringValue == reference.uid else {
                    throw .invalidated("\(collection) \(reference.name.quoted) is another one by now")
                }
                guard let deletion = metadata?["deletionTimestamp"], let time = try? Timestamp(json: deletion) else {
                    continue
                }
                standing.endsAt = min(standing.endsAt ?? .max, time.seconds + Self.leeway)
            }
        }
        if let end = standing.endsAt, now() > end { throw .invalidated("what it is bound to has been deleted") }
        return standing
    }
}

/// A bounded memory of what was used last: two generations, of which the older one is forgotten when the younger one is
/// full.
struct RecentlyUsed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// - Parameter limit: entries that are kept at most.
    init(limit: Int) { self.limit = max(2, limit) }

    var count: Int { young.count + old.count }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old.removeValue(forKey: key) else { return nil }
            self[key] = value
            return value
        }
        set {
            old[key] = nil
            young[key] = newValue
            guard young.count > limit / 2 else { return }
            old = young
            young = [:]
        }
    }
}
