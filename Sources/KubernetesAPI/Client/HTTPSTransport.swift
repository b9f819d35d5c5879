import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The API over HTTPS, as any Kubernetes API server offers it.
///
/// Every request has a deadline; a watch or a followed log has one for its beginning. What could not be reached is an
/// `APIError` whose `isUnreachable` is true and whose message names the server.
public final class HTTPSTransport: APITransport {
    /// Which form of an object is asked for.
    public enum Form: Sendable {
        case object
        /// A `Table` of meta.k8s.io/v1, as `kubectl get` shows it.
        case table

        var accept: String {
            switch self {
            case .object: "application/json"
            case .table: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
            }
        }
    }

    /// An answer longer than this is refused, so that no server fills this process's memory.
    private static let maximumAnswer = 512 << 20
    /// Bytes of one line of a watch.
    private static let maximumFrame = 16 << 20

    /// Where the server is, e.g. `https://127.0.0.1:6443`.
    public let server: String
    private let token: String?
    private let deadline: Duration
    private let client: HTTPClient

    /// Throws `KubeconfigError` where a certificate or key cannot be read.
    ///
    /// - Parameter deadline: for a whole request, and for the beginning of an answer that goes on.
    public init(cluster: Kubeconfig.Context, deadline: Duration = .seconds(30)) throws(KubeconfigError) {
        server = cluster.server.hasSuffix("/") ? String(cluster.server.dropLast()) : cluster.server
        token = cluster.token
        self.deadline = deadline
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try Self.tls(cluster),
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        // Each watch holds a connection for as long as it lasts.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes the connections. Has to be called before the last reference goes.
    public func shutdown() async throws {
        try await client.shutdown()
    }

    private static func tls(_ cluster: Kubeconfig.Context) throws(KubeconfigError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let authority = cluster.certificateAuthority {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authority))
            }
            if cluster.skipsVerification { tls.certificateVerification = .none }
            if let certificate = cluster.clientCertificate, let key = cluster.clientKey {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            }
        } catch {
            throw KubeconfigError(path: cluster.path, problem: "a certificate or key in it cannot be read (\(error))")
        }
        return tls
    }

    // MARK: APITransport

    public func send(_ request: APIRequest) async throws -> JSONValue {
        try await send(request, as: .object)
    }

    public func send(_ request: APIRequest, as form: Form) async throws -> JSONValue {
        let bytes = try await withDeadline {
            let response = try await self.begin(self.httpRequest(request, form: form))
            return try await self.collect(response)
        }
        do {
            return try JSONParser.parse(bytes)
        } catch {
            throw unreadable("\(error)")
        }
    }

    public func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        try await watch(request, as: .object)
    }

    public func watch(
        _ request: APIRequest, as form: Form
    ) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        var request = request
        request.verb = .watch
        let response = try await begin(httpRequest(request, form: form))
        let server = server
        return Self.pump(capacity: 10_000) { yield in
            var lines = LineBuffer(limit: Self.maximumFrame)
            for try await chunk in response.body {
                for line in try lines.append(chunk.readableBytesView) where !line.isEmpty {
                    let frame = try JSONParser.parse(line)
                    try yield(
                        RawWatchEvent(type: frame["type"]?.stringValue ?? "", object: frame["object"] ?? .null))
                }
            }
        } failure: { error in
            Self.interrupted(error, server: server)
        }
    }

    /// Any path of the server, e.g. `/readyz` or a pod's log with its query.
    public func get(_ path: String) async throws -> [UInt8] {
        try await withDeadline {
            try await self.collect(try await self.begin(self.httpRequest(.GET, path: path)))
        }
    }

    /// A path whose answer goes on, such as a followed log.
    public func stream(_ path: String) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let response = try await begin(httpRequest(.GET, path: path))
        let server = server
        return Self.pump(capacity: 100_000) { yield in
            for try await chunk in response.body { try yield(Array(chunk.readableBytesView)) }
        } failure: { error in
            Self.interrupted(error, server: server)
        }
    }

    // MARK: One request

    private func httpRequest(_ method: HTTPMethod, path: String) -> HTTPClientRequest {
        var result = HTTPClientRequest(url: server + path)
        result.method = method
        result.headers.add(name: "User-Agent", value: "minikube-lite/0.1.0 (linux)")
        if let token { result.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return result
    }

    private func httpRequest(_ request: APIRequest, form: Form) -> HTTPClientRequest {
        var options = request.options
        if request.verb == .watch { options["watch"] = "true" }
        let method: HTTPMethod =
            switch request.verb {
            case .get, .list, .watch: .GET
            case .create: .POST
            case .update: .PUT
            case .patch: .PATCH
            case .delete, .deletecollection: .DELETE
            }
        var result = httpRequest(method, path: Self.target(request.path, options))
        result.headers.add(name: "Accept", value: form.accept)
        if let body = request.body {
            let type = request.verb == .patch ? (request.patchType ?? .strategic).rawValue : "application/json"
            result.headers.add(name: "Content-Type", value: type)
            result.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        return result
    }

    /// A path with its query, percent-encoded after RFC 3986.
    public static func target(_ path: String, _ options: [String: String]) -> String {
        guard !options.isEmpty else { return path }
        let query = options.sorted { $0.key < $1.key }.map { "\(encode($0.key))=\(encode($0.value))" }
        return "\(path)?\(query.joined(separator: "&"))"
    }

    private static func encode(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                out += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }
        }
        return out
    }

    /// Sends and returns when the head of a good answer is there; a bad one is thrown.
    private func begin(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let response: HTTPClientResponse
        do {
            response = try await client.execute(request, timeout: TimeAmount(deadline))
        } catch {
            throw unreachable(error)
        }
        guard !(200..<300).contains(response.status.code) else { return response }
        let bytes = try await withDeadline { try await self.collect(response) }
        if let json = try? JSONParser.parse(bytes), let status = try? Status(json: json), status.status == "Failure" {
            throw APIError(status: status)
        }
        let text = String(decoding: bytes.prefix(1000), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        throw APIError(
            code: Int32(response.status.code), reason: StatusReason(rawValue: ""),
            message: "\(server) answered \(response.status)" + (text.isEmpty ? "" : ": \(text)"))
    }

    private func collect(_ response: HTTPClientResponse) async throws -> [UInt8] {
        do {
            return Array(try await response.body.collect(upTo: Self.maximumAnswer).readableBytesView)
        } catch is NIOTooManyBytesError {
            throw unreadable("the answer is longer than \(Self.maximumAnswer) bytes")
        } catch {
            throw unreachable(error)
        }
    }

    // MARK: Failures

    private func withDeadline<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(operation: body)
            group.addTask { [deadline, server] in
                try await Task.sleep(for: deadline)
                throw APIError.unreachable(server: server, problem: "no complete answer within \(deadline)")
            }
            defer { group.cancelAll() }
            // Two tasks are in the group: there is a first one.
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    private func unreachable(_ error: any Error) -> any Error {
        if error is CancellationError || (error as? HTTPClientError) == .cancelled { return CancellationError() }
        return Self.interrupted(error, server: server)
    }

    private static func interrupted(_ error: any Error, server: String) -> any Error {
        switch error {
        case is APIError, is CancellationError, is JSONSyntaxError: error
        case let error as HTTPClientError where error == .deadlineExceeded:
            APIError.unreachable(server: server, problem: "no answer in time")
        case let error as HTTPClientError where error == .connectTimeout:
            APIError.unreachable(server: server, problem: "no connection in time")
        case let error as IOError: APIError.unreachable(server: server, problem: words(error))
        case let error as NIOConnectionError:
            APIError.unreachable(
                server: server,
                problem: error.connectionErrors.first.map { words($0.error) } ?? "its name has no address")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            APIError.unreachable(server: server, problem: "the connection was closed before the answer's end")
        default: APIError.unreachable(server: server, problem: "\(error)")
        }
    }

    /// The errno in words where there is one: NIO's own description is for programmers.
    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }

    private func unreadable(_ problem: String) -> APIError {
        APIError(
            code: 500, reason: .internalError, message: "\(server) sent an answer that cannot be read: \(problem)")
    }

    /// A stream fed by a task that ends with it. A reader who falls `capacity` elements behind is cut off.
    private static func pump<Element: Sendable>(
        capacity: Int,
        _ body: @escaping @Sendable ((Element) throws -> Void) async throws -> Void,
        failure: @escaping @Sendable (any Error) -> any Error
    ) -> AsyncThrowingStream<Element, any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingOldest(capacity)) { continuation in
            let task = Task {
                do {
                    try await body { element in
                        if case .dropped = continuation.yield(element) {
                            throw APIError(
                                code: 410, reason: .expired, message: "the reader of the stream was too slow")
                        }
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: failure(error))
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

extension APIError {
    /// No server could be asked. Its `code` is 0: there was no answer of HTTP.
    public static func unreachable(server: String, problem: String) -> APIError {
        APIError(
            code: 0, reason: .serviceUnavailable, message: "the API server at \(server) cannot be reached: \(problem)")
    }

    public var isUnreachable: Bool { code == 0 && reason == .serviceUnavailable }
}
