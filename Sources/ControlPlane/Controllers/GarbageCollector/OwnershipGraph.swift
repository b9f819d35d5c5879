import KubernetesAPI

/// Who owns whom, by uid, from the metadata of all objects.
struct OwnershipGraph: Sendable {
    /// What is to be looked at because of a change.
    enum Task: Sendable, Hashable {
        /// The object with this uid may have lost its owners, or may be waiting for its dependents.
        case check(String)
        /// The object with this uid goes and leaves its dependents.
        case orphan(String)
    }

    struct Node: Sendable, Equatable {
        var kind: GroupVersionKind
        var metadata: ObjectMeta

        /// Deleted in the foreground: it goes when the dependents that block it are gone.
        var waitsForDependents: Bool {
            metadata.isBeingDeleted && metadata.finalizers.contains(Finalizer.foreground)
        }

        var orphansDependents: Bool { metadata.isBeingDeleted && metadata.finalizers.contains(Finalizer.orphan) }
    }

    enum Finalizer {
        static let foreground = "foregroundDeletion"
        static let orphan = "orphan"
    }

    private var nodes: [String: Node] = [:]
    /// By the owner's uid, whether the owner is known or not.
    private var dependents: [String: Set<String>] = [:]

    func node(_ uid: String) -> Node? { nodes[uid] }

    func dependents(of uid: String) -> [Node] { (dependents[uid] ?? []).compactMap { nodes[$0] } }

    /// Those whose reference says that the owner stays as long as they do.
    func blockingDependents(of uid: String) -> [Node] {
        dependents(of: uid).filter { node in
            node.metadata.ownerReferences.contains { $0.uid == uid && $0.blockOwnerDeletion == true }
        }
    }

    /// Takes a change in and says what follows from it.
    mutating func apply(_ change: MetadataTracker.Change) -> Set<Task> {
        var tasks: Set<Task> = []
        if let old = change.old, old.uid != change.new?.uid { tasks.formUnion(remove(old.uid)) }
        guard let new = change.new else { return tasks }
        let uid = new.uid
        let node = Node(kind: change.kind, metadata: new)
        let before = nodes.updateValue(node, forKey: uid)

        let owners = Set(new.ownerReferences.map(\.uid))
        let ownersBefore = Set(before?.metadata.ownerReferences.map(\.uid) ?? [])
        for owner in ownersBefore.subtracting(owners) {
            unlink(uid, from: owner)
            if nodes[owner]?.waitsForDependents == true { tasks.insert(.check(owner)) }
        }
        for owner in owners.subtracting(ownersBefore) { dependents[owner, default: []].insert(uid) }
        // An owner that is not known may be gone, or not heard of yet: looked up.
        if owners != ownersBefore, owners.contains(where: { nodes[$0].map(\.waitsForDependents) ?? true }) {
            tasks.insert(.check(uid))
        }
        // A reference that blocks no more.
        for owner in owners where before != nil && nodes[owner]?.waitsForDependents == true {
            tasks.insert(.check(owner))
        }
        if node.orphansDependents { tasks.insert(.orphan(uid)) }
        if node.waitsForDependents {
            tasks.insert(.check(uid))
            if before?.waitsForDependents != true {
                for dependent in dependents[uid] ?? [] { tasks.insert(.check(dependent)) }
            }
        }
        return tasks
    }

    private mutating func remove(_ uid: String) -> Set<Task> {
        guard let node = nodes.removeValue(forKey: uid) else { return [] }
        var tasks = Set((dependents[uid] ?? []).map(Task.check))
        for owner in Set(node.metadata.ownerReferences.map(\.uid)) {
            unlink(uid, from: owner)
            if nodes[owner]?.waitsForDependents == true { tasks.insert(.check(owner)) }
        }
        return tasks
    }

    private mutating func unlink(_ uid: String, from owner: String) {
        dependents[owner]?.remove(uid)
        if dependents[owner]?.isEmpty == true { dependents[owner] = nil }
    }
}
