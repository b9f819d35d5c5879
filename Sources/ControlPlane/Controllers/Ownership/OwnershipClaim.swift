import KubernetesAPI

/// Reconciles which objects a controller owns with what its selector says: takes on those that match and have no
/// controller, lets go of those that it owns and that match no more. The rules are those of Kubernetes'
/// `ControllerRefManager`.
struct OwnershipClaim<Owner: KubernetesObject>: Sendable {
    /// What is to be done about one candidate.
    enum Decision: Sendable, Equatable {
        case keep, adopt, release, ignore
    }

    let client: APIClient
    let owner: Owner
    let matcher: LabelMatcher

    /// Decides about one candidate from its metadata alone.
    func decide(_ candidate: ObjectMeta) -> Decision {
        let matches = matcher.matches(candidate.labels)
        if let controller = candidate.controller {
            guard controller.uid == owner.metadata.uid else { return .ignore }
            if matches { return .keep }
            // An owner that is going leaves its objects to the garbage collector.
            return owner.metadata.isBeingDeleted ? .ignore : .release
        }
        guard matches, !owner.metadata.isBeingDeleted, !candidate.isBeingDeleted else { return .ignore }
        return .adopt
    }

    /// Adopts and releases, and returns the objects that the owner has after that. Throws the first refusal of the
    /// API but a candidate's own disappearance.
    func claim<Child: KubernetesObject>(_ candidates: [Child]) async throws -> [Child] {
        var owned: [Child] = []
        var mayAdopt = false
        for candidate in candidates {
            switch decide(candidate.metadata) {
            case .ignore: continue
            case .keep: owned.append(candidate)
            case .adopt:
                if !mayAdopt {
                    try await checkThatOwnerStands()
                    mayAdopt = true
                }
                let references = candidate.metadata.ownerReferences + [owner.controllerReference]
                if let adopted = try await write(references, to: candidate) { owned.append(adopted) }
            case .release:
                let references = candidate.metadata.ownerReferences.filter { $0.uid != owner.metadata.uid }
                _ = try await write(references, to: candidate)
            }
        }
        return owned
    }

    /// The cache may not have heard yet that the owner is going: asked freshly before anything is adopted.
    private func checkThatOwnerStands() async throws {
        let fresh = try await client.get(Owner.self, owner.metadata.name, namespace: owner.metadata.namespace)
        guard fresh.metadata.uid == owner.metadata.uid, !fresh.metadata.isBeingDeleted else {
            throw APIError(
                code: 409, reason: .conflict,
                message: "\(Owner.groupVersionKind.kind) \(owner.key) is being deleted or was replaced")
        }
    }

    /// Writes the references if the object is still what the cache says; nil where it is gone.
    private func write<Child: KubernetesObject>(_ references: [OwnerReference], to child: Child) async throws -> Child?
    {
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(child.metadata.uid), "resourceVersion": .string(child.metadata.resourceVersion),
                "ownerReferences": references.isEmpty ? .null : references.json,
            ]
        ]
        do {
            return try await client.patch(
                Child.self, child.metadata.name, namespace: child.metadata.namespace, .merge, patch)
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }
}
