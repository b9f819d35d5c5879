import KubernetesAPI

/// The API for the parts of this process: the same pipeline as over HTTPS, without text in between.
struct InMemoryTransport: APITransport {
    let service: ObjectService
    let user: User
    /// The name of the part that asks, e.g. `kubelet`: what it writes is booked under it.
    let manager: String

    func send(_ request: APIRequest) async throws -> JSONValue {
        switch try await service.answer(try objectRequest(request)).answer {
        case .stored(let object, _): return object.value
        case .made(let value, _): return value
        case .list(let page): return list(page, request)
        case .watch, .log, .raw: throw APIError.badRequest("\(request.path) is a stream, not an object")
        }
    }

    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        var request = request
        request.verb = .watch
        request.options["watch"] = "true"
        guard case .watch(let watch) = try await service.answer(try objectRequest(request)).answer else {
            throw APIError.badRequest("\(request.path) cannot be watched")
        }
        let (events, continuation) = AsyncThrowingStream.makeStream(
            of: RawWatchEvent.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(Self.buffer))
        let pump = Task {
            var frames = watch.makeIterator()
            while let frame = await frames.next() {
                let event: RawWatchEvent
                switch frame {
                case .object(let kind, let object, _): event = RawWatchEvent(type: kind.rawValue, object: object.value)
                case .bookmark(let version, let endsInitialEvents):
                    event = RawWatchEvent(
                        type: "BOOKMARK",
                        object: ObjectWatch.bookmark(
                            kind: watch.kind, resourceVersion: version, endsInitialEvents: endsInitialEvents))
                case .failure(let status):
                    event = RawWatchEvent(type: "ERROR", object: HTTPAnswer.statusJSON(status))
                }
                guard case .enqueued = continuation.yield(event) else { break }  // too slow, or gone
            }
            continuation.finish()
            watch.end()
        }
        continuation.onTermination = { _ in
            watch.end()
            pump.cancel()
        }
        return events
    }

    /// Events that a reader may be behind before it is cut off. The first ones of a watch come all at once.
    private static let buffer = 20_000

    private func objectRequest(_ request: APIRequest) throws -> ObjectRequest {
        guard
            let resource = service.catalogue.resource(
                group: request.group, version: request.version, plural: request.resource)
        else { throw APIError.unknownPath }
        var options = request.options
        // The process trusts itself to know the fields; what is of the wrong type is refused as ever.
        if options["fieldValidation"] == nil { options["fieldValidation"] = "Ignore" }
        return ObjectRequest(
            user: user, verb: request.verb, resource: resource,
            namespace: resource.isNamespaced ? request.namespace : "", name: request.name,
            subresource: request.subresource, options: try RequestOptions(options), patchType: request.patchType,
            body: request.body.map { ObjectRequest.Body(value: $0) }, userAgent: manager)
    }

    private func list(_ page: ObjectPage, _ request: APIRequest) -> JSONValue {
        var metadata: JSONObject = ["resourceVersion": .string(String(page.resourceVersion))]
        if !page.continueToken.isEmpty { metadata["continue"] = .string(page.continueToken) }
        if let remaining = page.remaining { metadata["remainingItemCount"] = .integer(Int64(remaining)) }
        return [
            "metadata": .object(metadata), "items": .array(page.objects.map(\.value)),
        ]
    }
}
