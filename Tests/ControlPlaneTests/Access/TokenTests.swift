import Crypto
import Foundation
import KubernetesAPI
import Logging
import Synchronization
import Testing

@testable import ControlPlane

/// Tokens of service accounts: what they say, and when they are no longer good.
@Suite struct TokenTests {
    private static let issuer = "https://kubernetes.default.svc.cluster.local"

    /// A clock that a test turns.
    private final class Hands: Sendable {
        private let seconds = Mutex<Int64>(1_800_000_000)
        var now: Int64 {
            get { seconds.withLock { $0 } }
            set { seconds.withLock { $0 = newValue } }
        }
    }

    private struct Fixture {
        let store: Store
        let tokens: TokenAuthenticator
        let clock: Hands
        let key: SigningKey

        func put(_ collection: String, _ name: String, uid: String, deletedAt: Int64? = nil) async throws {
            let key = ObjectKey(namespace: collection == "nodes" ? "" : "ns", name: name)
            var metadata: JSONObject = [
                "name": .string(name), "namespace": .string(key.namespace), "uid": .string(uid),
            ]
            if let deletedAt { metadata["deletionTimestamp"] = Timestamp(seconds: deletedAt).json }
            let present = store.object(collection, key)
            _ = try await store.commit(
                StoreWrite(
                    collection: collection, key: key,
                    expectation: present.map { .version($0.resourceVersion) } ?? .absent,
                    change: .put(["metadata": .object(metadata)])))
        }

        func remove(_ collection: String, _ name: String) async throws {
            let key = ObjectKey(namespace: "ns", name: name)
            let present = try #require(store.object(collection, key))
            _ = try await store.commit(
                StoreWrite(
                    collection: collection, key: key, expectation: .version(present.resourceVersion),
                    change: .delete(present.value)))
        }

        func claims(_ change: (inout TokenClaims) -> Void = { _ in }) -> TokenClaims {
            var claims = TokenClaims(
                issuer: TokenTests.issuer, subject: "system:serviceaccount:ns:robot", audiences: [TokenTests.issuer],
                issuedAt: clock.now, notBefore: clock.now, expiresAt: clock.now + 600, identifier: "id",
                namespace: "ns", account: .init(name: "robot", uid: "u1"))
            change(&claims)
            return claims
        }

        func token(_ change: (inout TokenClaims) -> Void = { _ in }) throws -> String {
            try JSONWebToken.sign(claims(change), with: key)
        }

        func refusal(_ token: String, for audiences: [String]? = nil) -> TokenRefusal? {
            do throws(TokenRefusal) {
                _ = try tokens.authenticate(token, for: audiences)
                return nil
            } catch {
                return error
            }
        }
    }

    private func withFixture(_ body: (Fixture) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let store = try await Store.open(Store.Configuration(path: "\(directory)/state.db"), logger: logger)
        let clock = Hands()
        let key = try SigningKey.load(directory: directory)
        let tokens = TokenAuthenticator(key: key, store: store, issuer: Self.issuer) { clock.now }
        let fixture = Fixture(store: store, tokens: tokens, clock: clock, key: key)
        try await fixture.put("serviceaccounts", "robot", uid: "u1")
        try await body(fixture)
        await store.close()
    }

    @Test func aTokenSaysWhatKubernetesTokensSay() async throws {
        try await withFixture { fixture in
            try await fixture.put("pods", "web", uid: "p1")
            let token = try fixture.token {
                $0.pod = .init(name: "web", uid: "p1")
                $0.node = .init(name: "n", uid: "n1")
                $0.warnAfter = 7
            }
            let parts = token.split(separator: ".")
            let header = try JSONParser.parse(try #require(Base64URL.decode(parts[0])))
            #expect(header["alg"] == "ES256" && header["kid"]?.stringValue == fixture.key.identifier)
            let payload = try JSONParser.parse(try #require(Base64URL.decode(parts[1])))
            let now = fixture.clock.now
            #expect(
                payload == [
                    "aud": [.string(Self.issuer)], "exp": .integer(now + 600), "iat": .integer(now),
                    "iss": .string(Self.issuer), "jti": "id",
                    "kubernetes.io": [
                        "namespace": "ns", "node": ["name": "n", "uid": "n1"], "pod": ["name": "web", "uid": "p1"],
                        "serviceaccount": ["name": "robot", "uid": "u1"], "warnafter": 7,
                    ],
                    "nbf": .integer(now), "sub": "system:serviceaccount:ns:robot",
                ])
            let user = try fixture.tokens.authenticate(token).user
            #expect(user.name == "system:serviceaccount:ns:robot" && user.uid == "u1")
            #expect(user.groups == ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"])
            #expect(
                user.extra == [
                    "authentication.kubernetes.io/credential-id": ["JTI=id"],
                    "authentication.kubernetes.io/pod-name": ["web"], "authentication.kubernetes.io/pod-uid": ["p1"],
                    "authentication.kubernetes.io/node-name": ["n"], "authentication.kubernetes.io/node-uid": ["n1"],
                ])
        }
    }

    @Test func forgedTokensAreRefused() async throws {
        try await withFixture { fixture in
            let token = try fixture.token()
            #expect(fixture.refusal(token) == nil)
            let parts = token.split(separator: ".").map(String.init)
            let stranger = SigningKey(P256.Signing.PrivateKey())
            #expect(fixture.refusal(try JSONWebToken.sign(fixture.claims(), with: stranger)) == .wrongSignature)
            // What the header says does not change how the signature is checked.
            for header in [#"{"alg":"none"}"#, #"{"alg":"HS256"}"#, #"{"alg":"ES256","kid":"x"}"#, #"{}"#] {
                let forged = Base64URL.encode(header.utf8)
                #expect(fixture.refusal("\(forged).\(parts[1]).") == .wrongSignature)
                #expect(fixture.refusal("\(forged).\(parts[1]).\(parts[2])") == .wrongSignature)
            }
            let other = Base64URL.encode(fixture.claims { $0.account.name = "admin" }.json.bytes)
            #expect(fixture.refusal("\(parts[0]).\(other).\(parts[2])") == .wrongSignature)
            for text in ["", ".", "..", "a.b.c", token + ".x", parts[0], String(repeating: "a", count: 1 << 20)] {
                #expect(fixture.refusal(text) == .malformed, "\(text.prefix(40))")
            }
            #expect(fixture.refusal(try fixture.token { $0.issuer = "https://elsewhere" }) == .wrongIssuer)
            #expect(
                fixture.refusal(try fixture.token { $0.subject = "system:serviceaccount:ns:admin" }) == .wrongIssuer)
        }
    }

    @Test func aTokenIsForItsAudiences() async throws {
        try await withFixture { fixture in
            let token = try fixture.token { $0.audiences = ["vault", "other"] }
            #expect(fixture.refusal(token) == .wrongAudience)
            #expect(fixture.refusal(token, for: ["nobody"]) == .wrongAudience)
            #expect(try fixture.tokens.authenticate(token, for: ["x", "vault"]).audiences == ["vault"])
        }
    }

    /// Both when it is seen for the first time, and when it is remembered.
    @Test func aTokenEndsWithItsTime() async throws {
        try await withFixture { fixture in
            let (token, unseen) = (try fixture.token(), try fixture.token { $0.identifier = "2" })
            let start = fixture.clock.now
            fixture.clock.now = start + 660  // a minute's leeway
            #expect(fixture.refusal(token) == nil)
            fixture.clock.now = start + 661
            #expect(fixture.refusal(token) == .expired && fixture.refusal(unseen) == .expired)
            fixture.clock.now = start - 61
            #expect(fixture.refusal(token) == .notYetValid && fixture.refusal(unseen) == .notYetValid)
        }
    }

    @Test func aTokenEndsWithItsAccount() async throws {
        try await withFixture { fixture in
            let token = try fixture.token()
            #expect(fixture.refusal(token) == nil)
            // A change of the account is none of its identity.
            try await fixture.put("serviceaccounts", "robot", uid: "u1")
            #expect(fixture.refusal(token) == nil)
            try await fixture.remove("serviceaccounts", "robot")
            #expect(fixture.refusal(token) == .invalidated(#"serviceaccounts "robot" not found"#))
            try await fixture.put("serviceaccounts", "robot", uid: "u2")
            #expect(fixture.refusal(token) == .invalidated(#"serviceaccounts "robot" is another one by now"#))
        }
    }

    @Test func aTokenEndsAMinuteAfterItsPod() async throws {
        try await withFixture { fixture in
            try await fixture.put("pods", "web", uid: "p1")
            let token = try fixture.token {
                $0.pod = .init(name: "web", uid: "p1")
                $0.node = .init(name: "gone", uid: "n1")
            }
            #expect(fixture.refusal(token) == nil)
            let deadline = fixture.clock.now + 30
            try await fixture.put("pods", "web", uid: "p1", deletedAt: deadline)
            fixture.clock.now = deadline + 60
            #expect(fixture.refusal(token) == nil)
            fixture.clock.now = deadline + 61
            #expect(fixture.refusal(token) == .invalidated("what it is bound to has been deleted"))
            try await fixture.remove("pods", "web")
            #expect(fixture.refusal(token) == .invalidated(#"pods "web" not found"#))
            try await fixture.put("pods", "web", uid: "p2")
            #expect(fixture.refusal(token) == .invalidated(#"pods "web" is another one by now"#))
        }
    }

    @Test func theKeyStaysAndIsNobodyElses() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("key-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try SigningKey.load(directory: directory)
        #expect(try SigningKey.load(directory: directory).identifier == first.identifier)
        let path = "\(directory)/sa.key"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try Data("broken".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try SigningKey.load(directory: directory).identifier != first.identifier)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path + ".unreadable")) == Data("broken".utf8))
    }

    @Test func whatWasUsedLastIsRemembered() {
        var memory = RecentlyUsed<Int, Int>(limit: 100)
        for number in 0..<10_000 {
            memory[number] = number
            #expect(memory[0] == 0 && memory.count <= 101)
        }
        #expect(memory[9_999] == 9_999 && memory[5_000] == nil)
    }
}
