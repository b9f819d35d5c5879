import KubernetesAPI
import NIOCore
import NIOPosix

extension ObjectService {
    /// One chunk of a list, at the version that `resourceVersion`, `resourceVersionMatch` and `continue` ask for
    /// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
    func list(_ request: ObjectRequest) throws -> ObjectPage {
        let options = request.options
        let selection = try Selection(options, of: request.resource.kind)
        let namespace = request.resource.isNamespaced ? request.namespace : ""
        let token = try Self.continueToken(request)
        var version = token?.resourceVersion
        if token == nil, let asked = options.resourceVersion, asked > 0 {
            let current = store.resourceVersion
            guard asked <= current else { throw APIError.tooLargeResourceVersion(asked, current: current) }
            // The chunks of a list are all of the version of the first one.
            let isExact = options.limit > 0 && options.resourceVersionMatch.isEmpty
            if isExact || options.resourceVersionMatch == "Exact" { version = asked }
        }
        let collection = request.resource.collection
        var snapshot: (objects: [StoredObject], resourceVersion: Int64)
        if version == nil, let name = selection.exactName, request.resource.isNamespaced != namespace.isEmpty {
            // One object: no need to look at the others.
            let resourceVersion = store.resourceVersion
            let object = store.object(collection, ObjectKey(namespace: namespace, name: name))
            snapshot = (object.map { [$0] } ?? [], resourceVersion)
        } else {
            do {
                snapshot = try store.objects(collection, namespace: namespace, at: version)
            } catch {
                throw token.map { Self.tooOldToContinue($0, request) } ?? .expired(Self.listExpired)
            }
        }
        if let token { snapshot.objects.removeFirst(snapshot.objects.partitioningIndex { $0.key >= token.start }) }
        if request.resource.isAlias { snapshot.objects = snapshot.objects.map(request.resource.presented) }
        if !selection.isEverything { snapshot.objects = snapshot.objects.filter(selection.matches) }
        var page = ObjectPage(objects: snapshot.objects, resourceVersion: snapshot.resourceVersion)
        if options.limit > 0, page.objects.count > options.limit {
            if selection.isEverything { page.remaining = page.objects.count - options.limit }
            page.objects.removeLast(page.objects.count - options.limit)
            if let last = page.objects.last {
                page.continueToken = ContinueToken(resourceVersion: page.resourceVersion, after: last.key)
                    .text(spansNamespaces: request.spansNamespaces)
            }
        }
        return page
    }

    private static func continueToken(_ request: ObjectRequest) throws(APIError) -> ContinueToken? {
        guard !request.options.continueToken.isEmpty else { return nil }
        guard (request.options.resourceVersion ?? 0) == 0 else {
            throw .badRequest("specifying resource version is not allowed when using continue")
        }
        return try ContinueToken(
            parsing: request.options.continueToken, namespace: request.namespace.isEmpty ? nil : request.namespace,
            isNamespaced: request.resource.isNamespaced)
    }

    /// 410 with a token by which the rest can be had in its present state.
    private static func tooOldToContinue(_ token: ContinueToken, _ request: ObjectRequest) -> APIError {
        var refusal = APIError.expired(continueExpired)
        refusal.status.metadata.continue = ContinueToken(resourceVersion: nil, start: token.start)
            .text(spansNamespaces: request.spansNamespaces)
        return refusal
    }

    private static let listExpired = "The resourceVersion for the provided list is too old."
    private static let continueExpired = """
        The provided continue parameter is too old to display a consistent list result. You can start a new list \
        without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
        results. Continuing with the provided token results in an inconsistent list - objects that were created, \
        modified, or deleted between the time the first chunk was returned and now may show up in the list.
        """

    /// Seconds after which watches end that ask for no time of their own, some sooner than others
    /// (kube-apiserver's `--min-request-timeout`).
    private static let usualWatchSeconds: ClosedRange<Int64> = 1800...3600

    /// Opens a watch. Ends after `timeoutSeconds`.
    func watch(_ request: ObjectRequest) throws -> ObjectWatch {
        let options = request.options
        let selection = try Selection(options, of: request.resource.kind)
        let wantsState =
            options.sendInitialEvents ?? ((options.resourceVersion ?? 0) == 0)
        if let asked = options.resourceVersion, wantsState, options.sendInitialEvents != nil {
            let current = store.resourceVersion
            guard asked <= current else { throw APIError.tooLargeResourceVersion(asked, current: current) }
        }
        var after = options.resourceVersion
        if !wantsState, after == nil || after == 0 { after = store.resourceVersion }
        let source: StoreWatch
        do {
            source = try store.watch(
                request.resource.collection, namespace: request.resource.isNamespaced ? request.namespace : "",
                name: request.name.isEmpty ? selection.exactName ?? "" : request.name, after: after,
                withObjects: wantsState)
        } catch .compacted(let requested, let oldest) {
            return ObjectWatch(
                resource: request.resource, refusal: .expired("too old resource version: \(requested) (\(oldest))"))
        } catch {
            throw APIError.internalError("\(error)")
        }
        let seconds = options.timeoutSeconds.flatMap { $0 > 0 ? $0 : nil } ?? .random(in: Self.usualWatchSeconds)
        let deadline = MultiThreadedEventLoopGroup.singleton.next()
            .scheduleTask(in: .seconds(min(seconds, Self.maximumWatchSeconds)), source.cancel)
        return ObjectWatch(
            resource: request.resource, source: source, selection: selection,
            sendsBookmarks: options.allowWatchBookmarks,
            endsInitialEvents: options.sendInitialEvents == true && options.allowWatchBookmarks, deadline: deadline)
    }

    /// A year: more than any watch lasts, and not too much for a clock.
    private static let maximumWatchSeconds: Int64 = 365 * 86400
}

extension ObjectRequest {
    /// Whether it is about objects of several namespaces.
    fileprivate var spansNamespaces: Bool { resource.isNamespaced && namespace.isEmpty }
}

extension Array {
    /// The first position whose element satisfies a condition that, once true, stays true.
    fileprivate func partitioningIndex(where isAfter: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
