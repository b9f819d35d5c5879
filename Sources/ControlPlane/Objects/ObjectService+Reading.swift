import KubernetesAPI
import NIOCore
import NIOPosix

extension ObjectService {
    /// One chunk of a list, at the version that `resourceVersion`, `resourceVersionMatch` and `continue` ask for
    /// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
    func list(_ request: ObjectRequest) throws -> ObjectPage {
        let options = request.options
        let selection = try Selection(options, of: request.resource.kind)
        var version: Int64?
        var token: ContinueToken?
        if !options.continueToken.isEmpty {
            let parsed = try ContinueToken(parsing: options.continueToken)
            token = parsed
            version = parsed.resourceVersion
        } else if let asked = options.resourceVersion, asked > 0 {
            let current = store.resourceVersion
            guard asked <= current else { throw APIError.tooLargeResourceVersion(asked, current: current) }
            if options.resourceVersionMatch == "Exact" { version = asked }
        }
        let collection = request.resource.collection
        var snapshot: (objects: [StoredObject], resourceVersion: Int64)
        if version == nil, let name = selection.exactName, request.resource.isNamespaced != request.namespace.isEmpty {
            // One object: no need to look at the others.
            let key = ObjectKey(namespace: request.resource.isNamespaced ? request.namespace : "", name: name)
            let resourceVersion = store.resourceVersion
            snapshot = (store.object(collection, key).map { [$0] } ?? [], resourceVersion)
        } else {
            do {
                snapshot = try store.objects(
                    collection, namespace: request.resource.isNamespaced ? request.namespace : "", at: version)
            } catch {
                throw token == nil ? APIError.expired(error) : .expired(Self.continueExpired)
            }
        }
        if let token { snapshot.objects.removeFirst(snapshot.objects.partitioningIndex { $0.key > token.after }) }
        if request.resource.isAlias { snapshot.objects = snapshot.objects.map(request.resource.presented) }
        if !selection.isEverything { snapshot.objects = snapshot.objects.filter(selection.matches) }
        var page = ObjectPage(objects: snapshot.objects, resourceVersion: snapshot.resourceVersion)
        if options.limit > 0, page.objects.count > options.limit {
            if selection.isEverything { page.remaining = page.objects.count - options.limit }
            page.objects.removeLast(page.objects.count - options.limit)
            if let last = page.objects.last {
                page.continueToken = ContinueToken(resourceVersion: page.resourceVersion, after: last.key).text
            }
        }
        return page
    }

    private static let continueExpired = """
        The provided continue parameter is too old to display a consistent list result. You must start a new list \
        without the continue parameter.
        """

    /// Opens a watch. Ends after `timeoutSeconds` where that was asked for.
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
        } catch {
            throw APIError.expired(error)
        }
        let deadline = options.timeoutSeconds.flatMap { seconds in
            seconds > 0
                ? MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .seconds(seconds), source.cancel) : nil
        }
        return ObjectWatch(
            resource: request.resource, source: source, selection: selection,
            sendsBookmarks: options.allowWatchBookmarks,
            endsInitialEvents: options.sendInitialEvents == true && options.allowWatchBookmarks, deadline: deadline)
    }
}

extension APIError {
    /// What the API server says to a watch or list from before its history.
    fileprivate static func expired(_ error: StoreError) -> APIError {
        guard case .compacted(let requested, let oldest) = error else { return .internalError("\(error)") }
        return .expired("too old resource version: \(requested) (\(oldest))")
    }
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
