import KubernetesAPI

/// What becomes of an object because of how its owners are. The rules are those of Kubernetes' garbage collector.
enum DependentVerdict: Sendable, Equatable {
    enum OwnerState: Sendable, Equatable {
        /// It is there, whatever becomes of it.
        case solid
        /// It is being deleted in the foreground.
        case waiting
        /// It is gone, or it never was.
        case absent
    }

    case keep
    /// Some owners are left: the references to others are dropped, and these are left.
    case dropReferences(keep: [OwnerReference])
    case delete(DeletionPropagation)

    /// - Parameters:
    ///   - owners: each reference with the state of what it means.
    ///   - hasDependents: whether the object owns others in turn.
    init(of object: ObjectMeta, owners: [(reference: OwnerReference, state: OwnerState)], hasDependents: Bool) {
        let solid = owners.filter { $0.state == .solid }
        if owners.isEmpty || solid.count == owners.count {
            self = .keep
        } else if !solid.isEmpty {
            self = .dropReferences(keep: solid.map(\.reference))
        } else if object.finalizers.contains(OwnershipGraph.Finalizer.orphan) {
            self = .delete(.orphan)
        } else if object.finalizers.contains(OwnershipGraph.Finalizer.foreground) {
            self = .delete(.foreground)
        } else if hasDependents, owners.contains(where: { $0.state == .waiting }) {
            // The owner waits for all that hangs below it.
            self = .delete(.foreground)
        } else {
            self = .delete(.background)
        }
    }
}
