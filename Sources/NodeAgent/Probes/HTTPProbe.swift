import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One GET of a probe.
struct HTTPProbeRequest: Sendable, Hashable {
    struct Header: Sendable, Hashable {
        var name: String
        var value: String
    }
    var isTLS: Bool
    var host: String
    var port: Int
    /// With the query; begins with a slash.
    var path: String
    var headers: [Header]

    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    var url: String { "\(isTLS ? "https" : "http")://\(authority)\(path)" }
}

/// The kubelet's HTTP probe (`pkg/probe/http`): a connection of its own for every request, certificates are not
/// verified, 10 KiB of the body are read, redirects within the host are followed, and 200 to 399 is success.
enum HTTPProbe {
    static let bodyLimit = 10 << 10
    static let maxRedirects = 10

    static func check(_ request: HTTPProbeRequest, timeout: Duration) async -> ProbeOutcome {
        switch await get(request, timeout: timeout) {
        case .success(.answer(let code)):
            (200..<400).contains(code) ? .success() : .failure("HTTP probe failed with statuscode: \(code)")
        case .success(.elsewhere): .success(warning: "Probe terminated redirects, Response body: ")
        case .failure(let failure): .failure(failure.message, isRefused: failure.isRefused)
        }
    }

    /// What came of a request.
    enum Answer: Hashable {
        case answer(code: UInt)
        /// It was sent on to another host, which is not asked.
        case elsewhere
    }

    /// Why there was no answer, in the words of Go's net/http.
    struct Failure: Error, Hashable {
        var message: String
        /// Nobody listens there (yet).
        var isRefused = false
    }

    /// Asks, and follows redirects within the host.
    static func get(_ request: HTTPProbeRequest, timeout: Duration) async -> Result<Answer, Failure> {
        var request = request
        let elapsed = ContinuousClock.now
        for _ in 0..<maxRedirects {
            let left = timeout - (ContinuousClock.now - elapsed)
            let head: HTTPResponseHead
            do {
                head = try await send(request, timeout: max(left, .milliseconds(1)))
            } catch {
                return .failure(failure(error, request))
            }
            guard let location = redirect(head) else { return .success(.answer(code: head.status.code)) }
            guard let next = request.following(location) else { return .success(.elsewhere) }
            request = next
        }
        return .failure(Failure(message: "Get \"\(request.url)\": stopped after \(maxRedirects) redirects"))
    }

    /// Where the answer sends the client to (`net/http`: these codes only).
    private static func redirect(_ head: HTTPResponseHead) -> String? {
        [301, 302, 303, 307, 308].contains(head.status.code) ? head.headers.first(name: "location") : nil
    }

    private static func failure(_ error: any Error, _ request: HTTPProbeRequest) -> Failure {
        let timeout = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        var isRefused = false
        let words: String
        switch error {
        case ProbeError.timeout: words = timeout
        case ProbeError.endOfFile: words = "EOF"
        case let error as IOError:
            words = "read tcp \(request.authority): read: \(ConnectFailure.words(error.errnoCode))"
        case let ProbeError.connect(reason):
            let failure = ConnectFailure(reason)
            isRefused = failure.isRefused
            words = failure.isTimeout ? timeout : failure.words(host: request.host, port: request.port)
        case is HTTPParserError: words = "net/http: HTTP/1.x transport connection broken: malformed HTTP response"
        default: words = "\(error)"
        }
        return Failure(message: "Get \"\(request.url)\": \(words)", isRefused: isRefused)
    }

    enum ProbeError: Error {
        case connect(any Error)
        case timeout
        case endOfFile
    }

    private static let tls: NIOSSLContext? = {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        return try? NIOSSLContext(configuration: configuration)
    }()

    private static func send(_ request: HTTPProbeRequest, timeout: Duration) async throws -> HTTPResponseHead {
        let group = MultiThreadedEventLoopGroup.singleton
        let loop = group.next()
        let promise = loop.makePromise(of: HTTPResponseHead.self)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(TimeAmount(timeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if request.isTLS, let tls {
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(HTTPProbeHandler(request, promise))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: request.host, port: request.port).get()
        } catch {
            promise.fail(ProbeError.connect(error))
            throw ProbeError.connect(error)
        }
        let deadline = loop.scheduleTask(in: TimeAmount(timeout)) { promise.fail(ProbeError.timeout) }
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}

extension HTTPProbeRequest {
    /// The request that a redirect asks for; nil where it leads to another host.
    func following(_ location: String) -> HTTPProbeRequest? {
        var next = self
        if location.hasPrefix("/"), !location.hasPrefix("//") {
            next.path = location
            return next
        }
        guard let scheme = location.range(of: "://") else {
            // Relative to the last slash of the present path.
            next.path = path[...(path.lastIndex(of: "/") ?? path.startIndex)] + location
            return next
        }
        next.isTLS = location[..<scheme.lowerBound].lowercased() == "https"
        let rest = location[scheme.upperBound...]
        let slash = rest.firstIndex(where: { "/?#".contains($0) }) ?? rest.endIndex
        let authority = rest[..<slash]
        let colon = authority.hasSuffix("]") ? nil : authority.lastIndex(of: ":")
        let name = authority[..<(colon ?? authority.endIndex)].trimmingPrefix("[")
        guard (name.hasSuffix("]") ? String(name.dropLast()) : String(name)) == host else { return nil }
        next.port = colon.flatMap { Int(authority[authority.index(after: $0)...]) } ?? (next.isTLS ? 443 : 80)
        next.path = rest[slash...].hasPrefix("/") ? String(rest[slash...]) : "/" + rest[slash...]
        return next
    }
}

/// Sends the request when the connection is up, and answers with the head once the body, or enough of it, is there.
private final class HTTPProbeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: HTTPProbeRequest
    private let promise: EventLoopPromise<HTTPResponseHead>
    private var head: HTTPResponseHead?
    private var received = 0

    init(_ request: HTTPProbeRequest, _ promise: EventLoopPromise<HTTPResponseHead>) {
        self.request = request
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        let host = request.headers.first { $0.name.lowercased() == "host" }?.value
        headers.add(name: "Host", value: host ?? request.authority)
        for header in request.headers where header.name.lowercased() != "host" {
            headers.add(name: header.name, value: header.value)
        }
        headers.replaceOrAdd(name: "Connection", value: "close")
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: request.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 1xx is not the answer yet.
            if head.status.code >= 200 { self.head = head }
        case .body(let bytes):
            received += bytes.readableBytes
            if received >= HTTPProbe.bodyLimit { succeed(context) }
        case .end: succeed(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A body that ends with the connection ends with a part `.end` before this.
        promise.fail(HTTPProbe.ProbeError.endOfFile)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    private func succeed(_ context: ChannelHandlerContext) {
        guard let head else { return }
        promise.succeed(head)
        context.close(promise: nil)
    }
}
