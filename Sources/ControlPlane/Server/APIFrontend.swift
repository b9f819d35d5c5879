import HTTPTypes
import HummingbirdCore
import KubernetesAPI
import Logging
import NIOCore
import ServiceLifecycle

/// What answers HTTP requests: finds out who asks and what for, and writes the answer.
struct APIFrontend: Sendable {
    let service: ObjectService
    let documents: APIDocuments
    let health: HealthChecks
    let metrics: RequestMetrics
    let logger: Logger
    let identities = ClientIdentities()

    /// Answers one request. Throws only where the connection cannot go on.
    func respond(to request: Request, _ writer: consuming ResponseWriter, on channel: any Channel) async throws {
        let started = ContinuousClock.now
        var measured = RequestMetrics.Labels(verb: request.method.rawValue.lowercased())
        var response: HTTPAnswer
        // A refusal is said in the words that the client prefers, too.
        let encoding = AnswerFormat(accept: request.headers[.accept] ?? "")?.encoding ?? .json
        do {
            response = try await answer(request, on: channel, &measured)
        } catch let error as APIError {
            response = .status(error.status, encoding)
        } catch let error as JSONTypeError {
            response = .status(APIError.badRequest("\(error)").status, encoding)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.error("a request failed", metadata: ["path": "\(request.uri)", "error": "\(error)"])
            response = .status(APIError.internalError("\(error)").status, encoding)
        }
        measured.code = Int(response.status.code)
        metrics.count(measured)
        if isForPeople(request, response) { response = response.pretty() }
        if response.isWorthCompressing, AcceptedEncodings(request.headers[.acceptEncoding]).gzip {
            try await compress(response, writer)
            metrics.observe(measured, started.duration(to: .now))
            return
        }
        switch response.body {
        case .bytes(let buffer):
            metrics.observe(measured, started.duration(to: .now))
            try await writer.write(
                response: response.head(length: buffer.readableBytes), body: ResponseBody(byteBuffer: buffer))
        case .chunks(let chunks, let length):
            var body = try await writer.writeHead(response.head(length: length))
            for chunk in chunks { try await body.write(chunk) }
            try await body.finish(nil)
            metrics.observe(measured, started.duration(to: .now))
        case .watch(let watch, let format):
            try await stream(watch, format, response.headOfStream, request, writer)
        case .log(let log):
            try await stream(log, response.headOfStream, request, writer)
        }
    }

    /// Whether an answer is to be indented. Documents with a tag are what their tag says.
    private func isForPeople(_ request: Request, _ answer: HTTPAnswer) -> Bool {
        guard answer.entityTag.isEmpty else { return false }
        let target = request.head.path ?? ""
        return answer.isForPeople
            || PrettyJSON.isWanted(
                query: target.contains("pretty") ? RequestPath(target)?.query["pretty"] : nil,
                userAgent: request.headers[.userAgent] ?? "", accept: request.headers[.accept] ?? "")
    }

    private func answer(
        _ request: Request, on channel: any Channel, _ measured: inout RequestMetrics.Labels
    ) async throws -> HTTPAnswer {
        guard let path = RequestPath(request.head.path ?? "/") else {
            throw APIError.badRequest("the path has a broken percent encoding")
        }
        let user = try await user(of: request, on: channel)
        try authorize(user, AccessAttributes(path, request.method))
        if let answer = health.answer(path, request.method) { return answer }
        guard let objects = path.objects else {
            guard request.method == .get else { throw Self.methodNotAllowed }
            return try document(path, request)
        }
        guard
            let resource = service.catalogue.resource(
                group: objects.group, version: objects.version, plural: objects.plural)
        else {
            guard request.method == .get else { throw APIError.unknownPath }
            return try document(path, request)
        }
        var objectRequest = try objectRequest(path, objects, resource, request.method, user)
        objectRequest.userAgent = request.headers[.userAgent] ?? ""
        measured.verb = objectRequest.verb.rawValue
        measured.resource = resource.plural
        measured.subresource = objects.subresource
        try await readBody(of: request, into: &objectRequest)
        let isWatch = objectRequest.verb == .watch
        guard let format = AnswerFormat(accept: request.headers[.accept] ?? "", isWatch: isWatch) else {
            throw AnswerFormat.refusal(isWatch: isWatch)
        }
        let outcome = try await service.answer(objectRequest)
        var answer = try AnswerWriter(format: format, request: objectRequest, now: service.now())
            .answer(outcome.answer)
        answer.warnings = outcome.warnings
        if let deprecation = resource.served.deprecation { answer.warnings.append(deprecation) }
        return answer
    }

    private func objectRequest(
        _ path: RequestPath, _ objects: RequestPath.Objects, _ resource: ServedResource, _ method: HTTPRequest.Method,
        _ user: User
    ) throws -> ObjectRequest {
        let options = try RequestOptions(path.query)
        guard let verb = path.verb(method, of: objects) else { throw Self.methodNotAllowed }
        if objects.subresource.isEmpty {
            guard resource.verbs.contains(verb) else { throw Self.methodNotAllowed }
            let needsName = [.update, .patch].contains(verb)
            guard needsName == false || !objects.name.isEmpty, verb != .create || objects.name.isEmpty else {
                throw Self.methodNotAllowed
            }
            // All namespaces can be looked at together, but nothing can be made or deleted in all of them.
            let spansNamespaces = resource.isNamespaced && objects.namespace.isEmpty
            if spansNamespaces, !objects.name.isEmpty { throw APIError.unknownPath }
            guard !spansNamespaces || [.list, .watch].contains(verb) else { throw Self.methodNotAllowed }
            guard resource.isNamespaced || objects.namespace.isEmpty else { throw APIError.unknownPath }
        } else {
            guard let verbs = resource.subresources[objects.subresource] else { throw APIError.unknownPath }
            guard verbs.contains(verb) else { throw Self.methodNotAllowed }
        }
        return ObjectRequest(
            user: user, verb: verb, resource: resource, namespace: objects.namespace, name: objects.name,
            subresource: objects.subresource, subpath: objects.subpath, options: options)
    }

    private static let methodNotAllowed = APIError.methodNotAllowed(
        "the server does not allow this method on the requested resource")

    private func readBody(of request: Request, into objectRequest: inout ObjectRequest) async throws {
        guard [.create, .update, .patch, .delete, .deletecollection].contains(objectRequest.verb) else { return }
        let contentType = request.headers[.contentType] ?? ""
        if objectRequest.verb == .patch {
            guard let type = APIRequest.PatchType(rawValue: MediaRange(contentType).type) else {
                throw ObjectService.unsupportedPatch
            }
            objectRequest.patchType = type
        }
        let kind = objectRequest.verb == .delete ? "DeleteOptions" : objectRequest.resource.kind.kind
        objectRequest.body = try RequestBodyReader.body(
            try await RequestBodyReader.bytes(of: request), contentType: contentType, kind: kind)
    }

    // MARK: Who, and whether they may

    /// Who asks: by client certificate, else by token, else nobody in particular. Throws 401 where a token is no good.
    private func user(of request: Request, on channel: any Channel) async throws -> User {
        var user = User.anonymous
        if let named = try await identities.user(of: channel) {
            user = named
        } else if let token = Self.bearerToken(request.headers[.authorization]) {
            do throws(TokenRefusal) {
                user = try service.access.tokens.authenticate(token).user
            } catch {
                logger.info("a token was refused", metadata: ["path": "\(request.uri)", "reason": "\(error)"])
                throw APIError.unauthorized
            }
        }
        guard let wanted = try Impersonation(request.headers) else { return user }
        return try wanted.apply(for: user, service.access.authorizer)
    }

    private static func bearerToken(_ header: String?) -> String? {
        let parts = header?.split(separator: " ", maxSplits: 2) ?? []
        guard parts.count >= 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// Throws 403 where the user may not.
    private func authorize(_ user: User, _ attributes: AccessAttributes) throws(APIError) {
        let decision = service.access.authorizer.decide(attributes, for: user)
        guard !decision.isAllowed else { return }
        let refusal = attributes.refusal(of: user, because: decision.reason)
        logger.notice("access was denied", metadata: ["message": "\(refusal)"])
        throw refusal
    }

    /// Discovery, OpenAPI, metrics, and what verifies tokens.
    private func document(_ path: RequestPath, _ request: Request) throws -> HTTPAnswer {
        switch path.text {
        case "/metrics":
            return HTTPAnswer(
                status: .ok, contentType: "text/plain; version=0.0.4; charset=utf-8",
                body: .bytes(ByteBuffer(string: metrics.text(store: service.store))))
        case "/.well-known/openid-configuration": return .json(service.access.tokens.issuerDescription)
        case "/openid/v1/jwks":
            var answer = HTTPAnswer.json(service.access.tokens.key.keySet)
            answer.contentType = "application/jwk-set+json"
            return answer
        default: break
        }
        return try documents.answer(
            path, accept: request.headers[.accept] ?? "", ifNoneMatch: request.headers[.ifNoneMatch] ?? "")
    }

    /// Writes an answer with gzip, part by part.
    private func compress(_ response: HTTPAnswer, _ writer: consuming ResponseWriter) async throws {
        var head = response.head(length: nil)
        head.headerFields[.contentEncoding] = "gzip"
        head.headerFields.append(HTTPField(name: .vary, value: "Accept-Encoding"))
        var body = try await writer.writeHead(head)
        let encoder = try GzipEncoder()
        for part in response.body.parts {
            let compressed = try encoder.compress(part)
            if compressed.readableBytes > 0 { try await body.write(compressed) }
        }
        try await body.write(try encoder.compress(ByteBuffer(), isLast: true))
        try await body.finish(nil)
    }

    // MARK: Streams

    /// Writes a watch until it ends, the client goes away, or the server shuts down.
    private func stream(
        _ watch: ObjectWatch, _ format: AnswerFormat, _ head: HTTPResponse, _ request: Request,
        _ writer: consuming ResponseWriter
    ) async throws {
        defer { watch.end() }
        let body = try await writer.writeHead(head)
        metrics.watchOpened()
        defer { metrics.watchClosed() }
        let encoder = WatchEncoder(kind: watch.kind, format: format, now: service.now)
        try await withGracefulShutdownHandler {
            try await request.body.consumeWithInboundCloseHandler { _ in
                var (frames, encoder, body) = (watch.makeIterator(), encoder, body)
                while let frame = await frames.next() { try await body.write(try encoder.frame(frame)) }
            } onInboundClosed: {
                watch.end()
            }
        } onGracefulShutdown: {
            watch.end()
        }
        try await body.finish(nil)
    }

    private func stream(
        _ log: AsyncThrowingStream<[UInt8], any Error>, _ head: HTTPResponse, _ request: Request,
        _ writer: consuming ResponseWriter
    ) async throws {
        var body = try await writer.writeHead(head)
        try await request.body.consumeWithCancellationOnInboundClose { _ in
            do {
                for try await bytes in log.cancelOnGracefulShutdown() { try await body.write(ByteBuffer(bytes: bytes)) }
            } catch let error as APIError {
                // The answer has begun: what is wrong can only be said where the log is read.
                try await body.write(ByteBuffer(string: error.description + "\n"))
            }
        }
        try await body.finish(nil)
    }
}
