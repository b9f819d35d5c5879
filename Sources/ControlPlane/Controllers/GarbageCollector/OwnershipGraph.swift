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

        /// Whether it can own what is in a namespace: owners are of the same one, or of the cluster.
        func canOwn(in namespace: String) -> Bool { metadata.namespace.isEmpty || metadata.namespace == namespace }

        /// Whether it is what a reference of an object in the namespace names, and not only its uid.
        func isMeant(by reference: OwnerReference, in namespace: String) -> Bool {
            reference.uid == metadata.uid && reference.name == metadata.name && canOwn(in: namespace)
                && GroupVersionKind(apiVersion: reference.apiVersion, kind: reference.kind) == kind
        }
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

    /// References to owners of another namespace, as far as a change shows them; it was applied before.
    func misplacedReferences(after change: MetadataTracker.Change) -> [(dependent: Node, owner: OwnerReference)] {
        guard let new = change.new, let node = nodes[new.uid] else { return [] }
        var found: [(dependent: Node, owner: OwnerReference)] = []
        func look(at dependent: Node, _ isConcerned: (OwnerReference) -> Bool) {
            for reference in dependent.metadata.ownerReferences where isConcerned(reference) {
                guard let owner = nodes[reference.uid], !owner.canOwn(in: dependent.metadata.namespace) else {
                    continue
                }
                found.append((dependent, reference))
            }
        }
        let before = Set(change.old?.ownerReferences.map(\.uid) ?? [])
        look(at: node) { !before.contains($0.uid) }
        if change.old == nil {
            for dependent in dependents(of: new.uid) { look(at: dependent) { $0.uid == new.uid } }
        }
        return found
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
        // An owner that is not known may be gone, or not heard of yet, or be meant by its uid only: looked up.
        let references = new.ownerReferences
        if owners != ownersBefore,
            references.contains(where: { reference in
                guard let owner = nodes[reference.uid] else { return true }
                return owner.waitsForDependents || !owner.isMeant(by: reference, in: new.namespace)
            })
        {
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
