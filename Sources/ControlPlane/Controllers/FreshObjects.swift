import KubernetesAPI
import Synchronization

/// The objects of an informer, with what this program has written since: a controller that works again before its own
/// writes have come back through the watch would undo them, or do them twice.
///
/// Of two states of an object the one with the higher resource version is the newer one: it is a number here, and in every
/// Kubernetes API server.
final class FreshObjects<Object: KubernetesObject>: Sendable {
    typealias Group = @Sendable (Object) -> ObjectKey?

    private struct State {
        var objects: [ObjectKey: Object] = [:]
        var groups: [ObjectKey: Set<ObjectKey>] = [:]
        /// Uids of objects that were deleted here and whose end has not been heard of.
        var deleted: Set<String> = []
        var handlers: [@Sendable (ObjectChange<Object>) -> Void] = []
    }

    private let state = Mutex(State())
    private let group: Group

    /// - Parameter group: what an object is listed under in `members(of:)`; the same for all of its life.
    init(_ informer: Informer<Object>, group: @escaping Group = { _ in nil }) {
        self.group = group
        // The informer may live longer than this.
        informer.onChange { [weak self] in self?.apply($0) }
    }

    subscript(key: ObjectKey) -> Object? { state.withLock { $0.objects[key] } }
    var all: [Object] { state.withLock { Array($0.objects.values) } }

    /// The objects of a group, by name.
    func members(of group: ObjectKey) -> [Object] {
        let members = state.withLock { state in
            (state.groups[group] ?? []).compactMap { state.objects[$0] }
        }
        return members.sorted { $0.metadata.name < $1.metadata.name }
    }

    /// Adds a handler for what others have changed. It is called after the state has changed.
    func onForeignChange(_ handler: @escaping @Sendable (ObjectChange<Object>) -> Void) {
        state.withLock { $0.handlers.append(handler) }
    }

    /// Takes the API's answer to a create or an update.
    func wrote(_ object: Object) {
        state.withLock { state in
            if let present = state.objects[object.key], present.metadata.uid == object.metadata.uid,
                Self.version(present) >= Self.version(object)
            {
                return
            }
            put(object, &state)
        }
    }

    /// Takes note that the API has deleted an object, or does not have it.
    func removed(_ object: Object) {
        state.withLock { state in
            state.deleted.insert(object.metadata.uid)
            remove(object, &state)
        }
    }

    private func apply(_ change: ObjectChange<Object>) {
        let handlers = state.withLock { state -> [@Sendable (ObjectChange<Object>) -> Void] in
            switch change {
            case .synced:
                state.deleted = []
                return []
            case .deleted(let object):
                state.deleted.remove(object.metadata.uid)
                return remove(object, &state) ? state.handlers : []
            case .added(let object), .modified(_, let object):
                if state.deleted.contains(object.metadata.uid) { return [] }
                if let present = state.objects[object.key], present.metadata.uid == object.metadata.uid,
                    Self.version(present) >= Self.version(object)
                {
                    return []
                }
                put(object, &state)
                return state.handlers
            }
        }
        for handler in handlers { handler(change) }
    }

    private func put(_ object: Object, _ state: inout State) {
        if let old = state.objects[object.key] { _ = remove(old, &state) }
        state.objects[object.key] = object
        if let group = group(object) { state.groups[group, default: []].insert(object.key) }
    }

    /// Whether it was there. A namesake stays.
    @discardableResult
    private func remove(_ object: Object, _ state: inout State) -> Bool {
        guard let present = state.objects[object.key], present.metadata.uid == object.metadata.uid else { return false }
        state.objects[object.key] = nil
        if let group = group(present) {
            state.groups[group]?.remove(object.key)
            if state.groups[group]?.isEmpty == true { state.groups[group] = nil }
        }
        return true
    }

    private static func version(_ object: Object) -> Int64 { Int64(object.metadata.resourceVersion) ?? 0 }
}
