import KubernetesAPI

extension RolloutPlan {
    /// Whether the Deployment's size was changed since its ReplicaSets were scaled last.
    var isScaling: Bool {
        all(active: true).contains { set in
            RevisionAnnotations.count(RevisionAnnotations.desiredReplicas, of: set).map { $0 != bounds.replicas }
                ?? false
        }
    }

    /// Spreads a change of the Deployment's size over its ReplicaSets. With one in use it simply gets the new size;
    /// in the middle of a rollout each gets its proportion, so that scaling does not push a version that may be bad.
    ///
    /// - Parameter statusReplicas: the Deployment's pods as last counted.
    func scaling(statusReplicas: Int32) -> [ScaleStep] {
        if let only = activeOrLatest() {
            return only.size == bounds.replicas ? [] : [ScaleStep(uid: only.metadata.uid, replicas: bounds.replicas)]
        }
        if let new, isSaturated(new) { return emptyOld() }
        guard strategy != .recreate else { return [] }

        let active = all(active: true)
        let allowed = bounds.replicas > 0 ? bounds.maxTotal : 0
        let toAdd = allowed - active.totalSize
        // What is left over by rounding goes to the biggest, of equals to the newest that grows or the oldest that
        // shrinks.
        let ordered = active.sorted { left, right in
            if left.size != right.size { return left.size > right.size }
            return toAdd > 0 ? Self.isOlder(right, left) : Self.isOlder(left, right)
        }
        var added: Int32 = 0
        var steps: [ScaleStep] = []
        for set in ordered {
            let share = share(of: set, toAdd: toAdd, added: added, statusReplicas: statusReplicas)
            added += share
            steps.append(ScaleStep(uid: set.metadata.uid, replicas: set.size + share))
        }
        if toAdd != 0, !steps.isEmpty { steps[0].replicas = max(steps[0].replicas + toAdd - added, 0) }
        // Steps that keep a size are kept: they renew the annotations that `isScaling` looks at.
        return steps
    }

    private func all(active: Bool) -> [ReplicaSet] {
        (old + (new.map { [$0] } ?? [])).filter { !active || $0.size > 0 }
    }

    /// The only ReplicaSet with replicas, or where none has any the newest; nil where several have.
    private func activeOrLatest() -> ReplicaSet? {
        let active = all(active: true)
        switch active.count {
        case 0: return new ?? old.last
        case 1: return active[0]
        default: return nil
        }
    }

    private func isSaturated(_ new: ReplicaSet) -> Bool {
        RevisionAnnotations.count(RevisionAnnotations.desiredReplicas, of: new) == bounds.replicas
            && new.size == bounds.replicas && new.status.availableReplicas == bounds.replicas
    }

    private func share(of set: ReplicaSet, toAdd: Int32, added: Int32, statusReplicas: Int32) -> Int32 {
        guard set.size > 0, toAdd != 0, toAdd != added else { return 0 }
        let fraction = fraction(of: set, statusReplicas: statusReplicas)
        let left = toAdd - added
        return toAdd > 0 ? min(fraction, left) : max(fraction, left)
    }

    /// How a ReplicaSet's size changes if it keeps its part of the whole.
    private func fraction(of set: ReplicaSet, statusReplicas: Int32) -> Int32 {
        if bounds.replicas == 0 { return -set.size }
        var before = RevisionAnnotations.count(RevisionAnnotations.maxReplicas, of: set) ?? 0
        if before == 0 { before = statusReplicas }
        guard before > 0 else { return 0 }
        let size = (Double(set.size) * Double(bounds.maxTotal) / Double(before)).rounded()
        return Int32(clamping: Int64(size)) - set.size
    }
}
