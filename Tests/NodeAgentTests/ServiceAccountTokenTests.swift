import Foundation
import KubernetesAPI
import Logging
import PodRuntime
import Synchronization
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct ServiceAccountTokenTests {
    /// Issues `token-1`, `token-2`, ... by a clock.
    private final class Issuer: Sendable {
        private let count = Mutex(0)
        private let refuses = Mutex(false)
        let issued: AsyncStream<Int>
        private let issue: AsyncStream<Int>.Continuation

        init() { (issued, issue) = AsyncStream.makeStream() }

        func refuse(_ refuses: Bool) { self.refuses.withLock { $0 = refuses } }

        func serve(_ api: MemoryTransport, _ clock: ManualClock, life: Int64? = nil) {
            api.answerPosts(to: "serviceaccounts/token") { [self] request in
                if refuses.withLock({ $0 }) {
                    throw APIError(code: 500, reason: .internalError, message: "told to fail")
                }
                var answer = try TokenRequest(json: request.body ?? [:])
                let seconds = life ?? answer.spec.expirationSeconds ?? 3600
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                answer.spec.expirationSeconds = seconds
                answer.status.token = "token-\(number)"
                answer.status.expirationTimestamp = Timestamp(seconds: clock.time.now.seconds + seconds)
                issue.yield(number)
                return answer.json
            }
        }
    }

    private static func volume(_ change: (inout ServiceAccountTokenProjection) -> Void = { _ in }) -> Volume {
        var token = ServiceAccountTokenProjection()
        token.path = "token"
        token.expirationSeconds = 3600
        change(&token)
        var tokenSource = VolumeProjection()
        tokenSource.serviceAccountToken = token
        var certificate = VolumeProjection()
        certificate.configMap = ConfigMapProjection()
        certificate.configMap?.name = "kube-root-ca.crt"
        var volume = Volume()
        volume.name = "kube-api-access"
        volume.projected = ProjectedVolumeSource()
        volume.projected?.sources = [tokenSource, certificate]
        return volume
    }

    private static func pod(_ change: (inout Pod) -> Void = { _ in }) -> Pod {
        .test {
            $0.spec.serviceAccountName = "robot"
            $0.spec.volumes = [volume()]
            var mount = VolumeMount()
            mount.name = "kube-api-access"
            mount.mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
            $0.spec.containers[0].volumeMounts = [mount]
            change(&$0)
        }
    }

    private func content(_ node: TestNode, _ file: String) throws -> String {
        let mount = try #require(node.runtime.configuration(of: "web")?.mounts.first)
        guard case .host(let path, _) = mount.source else { return "" }
        return try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
    }

    @Test func `a pod has its token, and a new one before it is too old`() async throws {
        let (api, clock, issuer) = (MemoryTransport(), ManualClock(), Issuer())
        issuer.serve(api, clock)
        var certificate = ConfigMap()
        certificate.metadata.name = "kube-root-ca.crt"
        certificate.metadata.namespace = "default"
        certificate.data = ["ca.crt": "CA"]
        _ = try await APIClient(transport: api).create(certificate)
        try await TestNode.run(api: api, clock: clock) { node in
            var issued = issuer.issued.makeAsyncIterator()
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            #expect(await issued.next() == 1)
            #expect(try content(node, "token") == "token-1")
            #expect(try content(node, "ca.crt") == "CA")
            let request = try #require(api.requests.first { $0.subresource == "token" })
            #expect(request.path == "/api/v1/namespaces/default/serviceaccounts/robot/token")
            #expect(
                request.body?["spec"] == [
                    "expirationSeconds": 3600,
                    "boundObjectRef": ["kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "uid-web"],
                ])
            // 80 % of an hour is 2880 s; up to ten seconds earlier.
            clock.advance(by: .seconds(2869))
            #expect(api.requests.filter { $0.subresource == "token" }.count == 1)
            clock.advance(by: .seconds(11))
            #expect(await issued.next() == 2)
            while try content(node, "token") != "token-2" { await Task.yield() }
            try await node.delete("web")
            await node.api.waitUntilGone("web")
        }
    }

    @Test func `a pod without its token waits and says why`() async throws {
        let (api, clock, issuer) = (MemoryTransport(), ManualClock(), Issuer())
        issuer.serve(api, clock)
        issuer.refuse(true)
        try await TestNode.run(api: api, clock: clock) { node in
            try await node.create(
                Self.pod { $0.spec.volumes[0].projected?.sources.removeLast() })
            #expect(
                await node.api.events("FailedMount").first?.message
                    == "MountVolume.SetUp failed for volume \"kube-api-access\" : told to fail")
            #expect(!node.runtime.calls.contains(.startContainer("web", attempt: 0)))
            issuer.refuse(false)
            await clock.sleeper(for: .milliseconds(500))
            clock.advance(by: .milliseconds(500))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    // MARK: Tokens

    private func tokens(_ api: MemoryTransport, _ clock: ManualClock) -> ServiceAccountTokens {
        ServiceAccountTokens(
            client: APIClient(transport: api), time: clock.time,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `a token is kept while it is good, each audience has its own`() async throws {
        let (api, clock, issuer) = (MemoryTransport(), ManualClock(), Issuer())
        issuer.serve(api, clock)
        let tokens = tokens(api, clock)
        var source = ServiceAccountTokenProjection()
        source.expirationSeconds = 600
        #expect(try await tokens.token(for: Self.pod(), source).text == "token-1")
        #expect(try await tokens.token(for: Self.pod(), source).text == "token-1")
        source.audience = "vault"
        #expect(try await tokens.token(for: Self.pod(), source).text == "token-2")
        #expect(api.requests.last?.body?[path: "spec", "audiences"] == ["vault"])
        tokens.forget("uid-web")
        #expect(try await tokens.token(for: Self.pod(), source).text == "token-3")
    }

    @Test func `an old token is better than none, as long as it is good`() async throws {
        let (api, clock, issuer) = (MemoryTransport(), ManualClock(), Issuer())
        issuer.serve(api, clock)
        let tokens = tokens(api, clock)
        var source = ServiceAccountTokenProjection()
        source.expirationSeconds = 600
        #expect(try await tokens.token(for: Self.pod(), source).text == "token-1")
        issuer.refuse(true)
        clock.advance(by: .seconds(500))
        let kept = try await tokens.token(for: Self.pod(), source)
        #expect(kept.text == "token-1")
        #expect(kept.refreshAt == (ManualClock.epoch + 530_000_000) * 1000)
        clock.advance(by: .seconds(101))
        await #expect(throws: APIError.self) { try await tokens.token(for: Self.pod(), source) }
    }

    @Test(arguments: [
        (600, 0, 480), (3607, 10, 2875), (100_000, 0, 80_000), (1_000_000, 10, 86_390),
    ])
    func `renewed after 80 % of its life, or after a day`(life: Int64, jitter: Int64, use: Int64) {
        let token = ServiceAccountTokens.token(
            "t", expiresAt: life * 1_000_000_000, life: .seconds(life), jitter: .seconds(jitter))
        #expect(token.refreshAt / 1_000_000_000 == use)
    }

    // MARK: Files

    @Test func `whose file a token is`() throws {
        func file(_ change: (inout Pod) -> Void) throws -> VolumeFile {
            let content = VolumeContent(
                objects: ReferencedObjects(namespace: "default"),
                fields: DownwardFields(
                    pod: .test("web", containers: ["a", "b"], change), podAddresses: [], nodeAddresses: [],
                    allocatable: [:]),
                tokens: ["token": "t"])
            var volume = Self.volume()
            volume.projected?.sources.removeLast()
            return try #require(try content.files(of: volume).first)
        }
        func user(_ id: Int64) -> SecurityContext {
            var context = SecurityContext()
            context.runAsUser = id
            return context
        }
        #expect(try file { _ in }.mode == 0o644)
        #expect(
            try file { $0.spec.securityContext?.fsGroup = 7 } == VolumeFile(path: "token", content: [116], mode: 0o600))
        #expect(
            try file { $0.spec.securityContext?.runAsUser = 5 }
                == VolumeFile(path: "token", content: [116], mode: 0o600, user: 5))
        // The containers' users differ, or one of them is not known.
        #expect(
            try file {
                $0.spec.containers[0].securityContext = user(5)
                $0.spec.containers[1].securityContext = user(6)
            }.mode == 0o644)
        #expect(try file { $0.spec.containers[0].securityContext = user(5) }.user == nil)
    }

    @Test func `certificate authorities are followed`() async throws {
        let api = MemoryTransport()
        var certificate = ConfigMap()
        certificate.metadata.name = "kube-root-ca.crt"
        certificate.metadata.namespace = "default"
        certificate.data = ["ca.crt": "CA"]
        _ = try await APIClient(transport: api).create(certificate)
        let certificates = RootCertificates(
            client: APIClient(transport: api), time: ManualClock().time, logger: Logger(label: "test"))
        let following = Task { await certificates.run() }
        while certificates["default"] == nil { await Task.yield() }
        #expect(certificates["default"]?.data == ["ca.crt": "CA"])
        #expect(certificates["other"] == nil)
        #expect(api.requests.first { $0.verb == .list }?.options["fieldSelector"] == "metadata.name=kube-root-ca.crt")
        following.cancel()
        await following.value
    }
}
