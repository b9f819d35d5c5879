import KubernetesAPI
import Logging
import NIOCore
import NIOPosix

/// What the API does with objects, whichever way a request came: admission, defaults, validation, optimistic
/// concurrency, deletion with grace periods and finalizers, lists, watches.
///
/// One file per group of verbs: `ObjectService+Reading`, `+Creating`, `+Updating`, `+Deleting`, `+Subresources`,
/// `+Node` for what the node agent answers, `+Tokens` and `+Reviews` for who is who and who may what.
struct ObjectService: Sendable {
    let store: Store
    let catalogue: ResourceCatalogue
    let logger: Logger
    let node: NodeServices
    let access: AccessControl
    /// Addresses and ports of Services.
    let allocator: ServiceAllocator
    /// Seconds since 1970.
    let now: @Sendable () -> Int64

    /// An answer, with the sentences of its `Warning` headers.
    struct Outcome: Sendable {
        var answer: ObjectAnswer
        var warnings: [String] = []
    }

    /// Answers a request that its user is allowed to make.
    func answer(_ request: ObjectRequest) async throws -> Outcome {
        switch request.resource.origin {
        case .store: break
        case .node: return Outcome(answer: try await usage(request))
        case .review: return try review(request)
        }
        try Self.checkFieldManager(request)
        guard request.subresource.isEmpty else { return try await answerSubresource(request) }
        switch request.verb {
        case .get: return Outcome(answer: .stored(try object(of: request), code: 200))
        case .list: return Outcome(answer: .list(try list(request)))
        case .watch: return Outcome(answer: .watch(try watch(request)))
        case .create: return try await create(request)
        case .update: return try await update(request)
        case .patch: return try await patch(request)
        case .delete: return Outcome(answer: try await delete(request))
        case .deletecollection: return Outcome(answer: try await deleteCollection(request))
        }
    }

    /// The present object; throws 404.
    func object(of request: ObjectRequest) throws(APIError) -> StoredObject {
        guard let object = store.object(request.resource.collection, request.key) else {
            throw .notFound(request.resource, request.name)
        }
        return request.resource.presented(object)
    }

    /// Makes one change, with the store's refusals in the API's words.
    func commit(
        _ resource: ServedResource, _ key: ObjectKey, _ expectation: StoreWrite.Expectation, _ change: StoreWrite.Change
    ) async throws -> StoredObject {
        let stored: StoreWrite.Change =
            switch change {
            case .put(let value): .put(try resource.stored(value))
            case .delete(let value): .delete(try resource.stored(value))
            }
        do {
            return resource.presented(
                try await store.commit(
                    StoreWrite(
                        collection: resource.collection, key: key, expectation: expectation, change: stored,
                        isDurable: resource.isDurable)))
        } catch .overloaded {
            throw APIError.tooManyRequests("too many writes wait for the store, try again", retryAfterSeconds: 1)
        } catch .closed {
            throw APIError(
                code: 503, reason: .serviceUnavailable, message: "the API server is shutting down")
        } catch .disk(let problem) {
            throw APIError.internalError("the store cannot be written: \(problem)")
        }
    }
}
