import KubernetesAPI
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import NodeAgent

/// A server on the loopback that answers every request as the test says.
final class ProbedServer: Sendable {
    private let channel: any Channel
    private let heads = Mutex<[HTTPRequestHead]>([])
    private let connections = Mutex(0)
    var port: Int { channel.localAddress?.port ?? 0 }
    var requests: [HTTPRequestHead] { heads.withLock { $0 } }
    var connectionCount: Int { connections.withLock { $0 } }

    typealias Answer = @Sendable (HTTPRequestHead) -> (HTTPResponseStatus, [(String, String)], Int)?

    /// - Parameter answer: status, headers and length of the body; nil never answers.
    static func with(_ answer: @escaping Answer, _ body: (ProbedServer) async throws -> Void) async throws {
        let box = Mutex<ProbedServer?>(nil)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    box.withLock { $0 }?.connections.withLock { $0 += 1 }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(answer) { head in box.withLock { $0 }?.heads.withLock { $0.append(head) } })
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let server = ProbedServer(channel)
        box.withLock { $0 = server }
        do { try await body(server) } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    private init(_ channel: any Channel) { self.channel = channel }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let answer: Answer
        private let note: @Sendable (HTTPRequestHead) -> Void

        init(_ answer: @escaping Answer, _ note: @escaping @Sendable (HTTPRequestHead) -> Void) {
            self.answer = answer
            self.note = note
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            note(head)
            guard let (status, headers, length) = answer(head) else { return }
            var fields = HTTPHeaders(headers)
            fields.add(name: "Content-Length", value: "\(length)")
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: fields))),
                promise: nil)
            let body = context.channel.allocator.buffer(repeating: 97, count: length)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

@Suite(.timeLimit(.minutes(1)))
struct HTTPProbeTests {
    private func request(
        _ server: ProbedServer, path: String = "/healthz", headers: [(String, String)] = []
    ) throws -> HTTPProbeRequest {
        var action = HTTPGetAction()
        action.path = path
        action.port = "web"
        action.httpHeaders = headers.map {
            var header = HTTPHeader()
            header.name = $0.0
            header.value = $0.1
            return header
        }
        let container = Container.test("a").with {
            var port = ContainerPort()
            port.name = "web"
            port.containerPort = Int32(server.port)
            $0.ports = [port]
        }
        return try HTTPProbeRequest(action, container: container, podAddress: "127.0.0.1", agent: "kube-probe/1.36")
    }

    private func check(_ request: HTTPProbeRequest, timeout: Duration = .seconds(5)) async -> ProbeOutcome {
        await HTTPProbe.check(request, timeout: timeout)
    }

    @Test func asksAsTheKubeletDoes() async throws {
        try await ProbedServer.with({ _ in (.ok, [], 2) }) { server in
            #expect(try await check(request(server, path: "/healthz?full=1")) == .success())
            let head = try #require(server.requests.first)
            #expect(head.method == .GET && head.uri == "/healthz?full=1")
            #expect(head.headers.first(name: "user-agent") == "kube-probe/1.36")
            #expect(head.headers.first(name: "accept") == "*/*")
            #expect(head.headers.first(name: "connection") == "close")
            #expect(head.headers.first(name: "host") == "127.0.0.1:\(server.port)")
            _ = try await check(
                request(server, headers: [("Host", "example.org"), ("User-Agent", "mine"), ("X-A", "b")]))
            let second = try #require(server.requests.last)
            #expect(second.headers["host"] == ["example.org"])
            #expect(second.headers["user-agent"] == ["mine"])
            #expect(second.headers["x-a"] == ["b"])
            #expect(server.connectionCount == 2)
        }
    }

    @Test(arguments: [200, 204, 301, 399, 400, 404, 500, 503])
    func statusCodes(code: Int) async throws {
        try await ProbedServer.with({ _ in (.init(statusCode: code), [], 0) }) { server in
            let outcome = try await check(request(server))
            #expect(outcome == (code < 400 ? .success() : .failure("HTTP probe failed with statuscode: \(code)")))
        }
    }

    @Test func aLargeBodyIsNotReadToItsEnd() async throws {
        try await ProbedServer.with({ _ in (.ok, [], 8 << 20) }) { server in
            let outcome = try await check(request(server))
            #expect(outcome == .success())
        }
    }

    @Test func nobodyListens() async throws {
        var port = 0
        try await ProbedServer.with({ _ in nil }) { port = $0.port }
        let request = HTTPProbeRequest(isTLS: false, host: "127.0.0.1", port: port, path: "/x", headers: [])
        #expect(
            await check(request)
                == .failure(
                    "Get \"http://127.0.0.1:\(port)/x\": dial tcp 127.0.0.1:\(port): connect: connection refused",
                    isRefused: true))
        #expect(
            await TCPProbe.check(host: "127.0.0.1", port: port, timeout: .seconds(1))
                == .failure(
                    "dial tcp 127.0.0.1:\(port): connect: connection refused", isRefused: true))
    }

    @Test func aServerThatDoesNotAnswerTimesOut() async throws {
        try await ProbedServer.with({ _ in nil }) { server in
            let outcome = try await check(request(server), timeout: .milliseconds(50))
            #expect(
                outcome
                    == .failure(
                        "Get \"http://127.0.0.1:\(server.port)/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                    ))
            #expect(await TCPProbe.check(host: "127.0.0.1", port: server.port, timeout: .seconds(1)) == .success())
        }
    }

    @Test func redirectsStayOnTheHost() async throws {
        try await ProbedServer.with({ head in
            switch head.uri {
            case "/healthz": (.movedPermanently, [("Location", "/there")], 0)
            case "/there": (.serviceUnavailable, [], 0)
            case "/away": (.found, [("Location", "http://example.invalid/")], 0)
            default: (.found, [("Location", "/loop")], 0)
            }
        }) { server in
            #expect(try await check(request(server)) == .failure("HTTP probe failed with statuscode: 503"))
            guard case .success(.some) = try await check(request(server, path: "/away")) else {
                Issue.record("a redirect to another host is a success with a warning")
                return
            }
            #expect(
                try await check(request(server, path: "/loop"))
                    == .failure(
                        "Get \"http://127.0.0.1:\(server.port)/loop\": stopped after 10 redirects"))
        }
    }

    @Test func portsByNumberAndName() throws {
        let container = Container.test("a").with {
            var port = ContainerPort()
            port.name = "http"
            port.containerPort = 8080
            $0.ports = [port]
        }
        #expect(try container.number(of: 80) == 80)
        #expect(try container.number(of: "http") == 8080)
        #expect(throws: ReferenceError(message: "couldn't find port: nope")) { _ = try container.number(of: "nope") }
        #expect(throws: ReferenceError.self) { _ = try container.number(of: nil) }
    }

    @Test func followsOnlyTheSameHost() {
        let request = HTTPProbeRequest(isTLS: false, host: "10.0.0.2", port: 8000, path: "/a/b", headers: [])
        #expect(request.following("/c")?.url == "http://10.0.0.2:8000/c")
        #expect(request.following("c")?.url == "http://10.0.0.2:8000/a/c")
        #expect(request.following("https://10.0.0.2/c")?.url == "https://10.0.0.2:443/c")
        #expect(request.following("http://10.0.0.2:81")?.url == "http://10.0.0.2:81/")
        #expect(request.following("http://10.0.0.3:8000/c") == nil)
    }
}
