import Synchronization

/// What happened to one object of a cache, or to all of them.
public enum ObjectChange<Object: KubernetesObject>: Sendable {
    case added(Object)
    /// Also at a resync, where `old` and `new` may be the same.
    case modified(old: Object, new: Object)
    case deleted(Object)
    /// The cache is complete as of now; comes after the changes of a list.
    case synced

    /// The object as it is now, or was at last; nil for `synced`.
    public var object: Object? {
        switch self {
        case .added(let object), .modified(_, let object), .deleted(let object): object
        case .synced: nil
        }
    }
}

/// The objects of one type as last heard of, with indices by namespace and by owner. Every call is quick and safe
/// from any task; objects in it are values, so a reader's copy never changes.
public final class ObjectCache<Object: KubernetesObject>: Sendable {
    private struct State {
        var objects: [ObjectKey: Object] = [:]
        var byNamespace: [String: Set<ObjectKey>] = [:]
        var byOwner: [String: Set<ObjectKey>] = [:]

        mutating func put(_ object: Object) -> Object? {
            let key = object.key
            let old = objects.updateValue(object, forKey: key)
            if let old {
                if old.metadata.ownerReferences == object.metadata.ownerReferences { return old }
                unlink(old, key)
            }
            byNamespace[key.namespace, default: []].insert(key)
            for uid in Self.owners(object) { byOwner[uid, default: []].insert(key) }
            return old
        }

        mutating func remove(_ key: ObjectKey) -> Object? {
            guard let old = objects.removeValue(forKey: key) else { return nil }
            unlink(old, key)
            return old
        }

        private mutating func unlink(_ object: Object, _ key: ObjectKey) {
            byNamespace[key.namespace]?.remove(key)
            if byNamespace[key.namespace]?.isEmpty == true { byNamespace[key.namespace] = nil }
            for uid in Self.owners(object) {
                byOwner[uid]?.remove(key)
                if byOwner[uid]?.isEmpty == true { byOwner[uid] = nil }
            }
        }

        /// The uids that an object is indexed by; the empty one where nothing controls it.
        private static func owners(_ object: Object) -> Set<String> {
            let references = object.metadata.ownerReferences
            return Set(references.map(\.uid) + (references.contains { $0.controller == true } ? [] : [""]))
        }
    }

    private let state = Mutex(State())

    public init() {}

    public subscript(_ key: ObjectKey) -> Object? { state.withLock { $0.objects[key] } }
    public var all: [Object] { state.withLock { Array($0.objects.values) } }
    public var count: Int { state.withLock { $0.objects.count } }

    public func inNamespace(_ namespace: String) -> [Object] {
        state.withLock { state in (state.byNamespace[namespace] ?? []).compactMap { state.objects[$0] } }
    }

    /// Objects with an owner reference to this uid, controller or not.
    public func ownedBy(uid: String) -> [Object] {
        state.withLock { state in (state.byOwner[uid] ?? []).compactMap { state.objects[$0] } }
    }

    /// Objects of a namespace that no controller owns: those that a selector may adopt.
    public func withoutController(inNamespace namespace: String) -> [Object] {
        state.withLock { state in
            (state.byOwner[""] ?? []).lazy.filter { $0.namespace == namespace }.compactMap { state.objects[$0] }
        }
    }

    /// Takes what a reflector delivers and returns what that changed, in order. An object that was deleted and made
    /// again under its name between two lists comes as `deleted` and `added`.
    public func apply(_ event: ReflectorEvent<Object>) -> [ObjectChange<Object>] {
        state.withLock { state in
            switch event {
            case .added(let object), .modified(let object):
                return Self.put(object, &state)
            case .deleted(let object):
                return state.remove(object.key) == nil ? [] : [.deleted(object)]
            case .synced(let objects):
                var changes: [ObjectChange<Object>] = []
                let present = Set(objects.map(\.key))
                for key in state.objects.keys where !present.contains(key) {
                    if let old = state.remove(key) { changes.append(.deleted(old)) }
                }
                for object in objects { changes += Self.put(object, &state) }
                changes.append(.synced)
                return changes
            }
        }
    }

    private static func put(_ object: Object, _ state: inout State) -> [ObjectChange<Object>] {
        guard let old = state.put(object) else { return [.added(object)] }
        if old.metadata.uid != object.metadata.uid { return [.deleted(old), .added(object)] }
        return [.modified(old: old, new: object)]
    }
}
