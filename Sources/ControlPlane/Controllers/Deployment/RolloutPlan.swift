import KubernetesAPI

/// A ReplicaSet is to have another number of replicas (or, where it has it already, other annotations).
struct ScaleStep: Sendable, Equatable {
    var uid: String
    var replicas: Int32
}

/// What a rollout does next, from the ReplicaSets as they are. Pure: each answer is a list of steps, and nothing is
/// remembered from one to the next. The rules are those of kube-controller-manager's deployment controller.
struct RolloutPlan: Sendable {
    let bounds: RolloutBounds
    let strategy: DeploymentStrategyType
    /// The ReplicaSet of the present template.
    let new: ReplicaSet?
    /// The others, in any order.
    let old: [ReplicaSet]

    private var all: [ReplicaSet] { old + (new.map { [$0] } ?? []) }

    init(_ deployment: Deployment, new: ReplicaSet?, old: [ReplicaSet]) {
        bounds = RolloutBounds(deployment.spec)
        strategy = deployment.spec.strategy.type
        self.new = new
        self.old = old.sorted(by: Self.isOlder)
    }

    static func isOlder(_ left: ReplicaSet, _ right: ReplicaSet) -> Bool {
        let leftTime = left.metadata.creationTimestamp?.seconds ?? 0
        let rightTime = right.metadata.creationTimestamp?.seconds ?? 0
        return leftTime == rightTime ? left.metadata.name < right.metadata.name : leftTime < rightTime
    }

    /// How many replicas the new ReplicaSet gets when it has `present` and all of them together have `total`.
    func newSize(present: Int32, total: Int32) -> Int32 {
        guard strategy != .recreate else { return bounds.replicas }
        let room = bounds.maxTotal - total
        guard room > 0 else { return present }
        return present + min(room, bounds.replicas - present)
    }

    // MARK: Rolling update

    /// The next stage of a rolling update: the new ReplicaSet up as far as the surge goes; when it is there, the old
    /// ones down as far as availability goes.
    func rollingUpdate() -> [ScaleStep] {
        guard let new else { return [] }
        if let step = scaleNew(new) { return [step] }
        return scaleOldDown(new)
    }

    private func scaleNew(_ new: ReplicaSet) -> ScaleStep? {
        let present = new.size
        let wanted = present > bounds.replicas ? bounds.replicas : newSize(present: present, total: all.totalSize)
        return wanted == present ? nil : ScaleStep(uid: new.metadata.uid, replicas: wanted)
    }

    /// Takes away first what is not available anyway (a broken old version must not keep a good new one from
    /// coming), then from the oldest on.
    private func scaleOldDown(_ new: ReplicaSet) -> [ScaleStep] {
        let oldTotal = old.totalSize
        guard oldTotal > 0 else { return [] }
        let newUnavailable = new.size - new.available
        let budget = all.totalSize - bounds.minAvailable - newUnavailable
        guard budget > 0 else { return [] }

        var sizes: [String: Int32] = [:]
        var spent: Int32 = 0
        for set in old where set.size > 0 && spent < budget {
            let count = min(budget - spent, set.size - set.available)
            guard count > 0 else { continue }
            sizes[set.metadata.uid] = set.size - count
            spent += count
        }

        var spare = all.reduce(0) { $0 + $1.available } - bounds.minAvailable
        for set in old where spare > 0 {
            let size = sizes[set.metadata.uid] ?? set.size
            let count = min(size, spare)
            guard count > 0 else { continue }
            sizes[set.metadata.uid] = size - count
            spare -= count
        }
        return old.compactMap { set in sizes[set.metadata.uid].map { ScaleStep(uid: set.metadata.uid, replicas: $0) } }
    }

    // MARK: Recreate

    /// Everything old to zero; empty when it is.
    func emptyOld() -> [ScaleStep] {
        old.filter { $0.size > 0 }.map { ScaleStep(uid: $0.metadata.uid, replicas: 0) }
    }

    /// The new ReplicaSet to its full size; empty when it is.
    func fillNew() -> [ScaleStep] {
        guard let new, new.size != bounds.replicas else { return [] }
        return [ScaleStep(uid: new.metadata.uid, replicas: bounds.replicas)]
    }

    // MARK: Clean-up

    /// Old ReplicaSets beyond the history limit that nothing is left of, lowest revision first.
    func superfluous(limit: Int32?) -> [ReplicaSet] {
        guard let limit, limit != .max else { return [] }
        let alive = old.filter { !$0.metadata.isBeingDeleted }
        let count = alive.count - Int(limit)
        guard count > 0 else { return [] }
        let byRevision = alive.sorted {
            let left = RevisionAnnotations.revision(of: $0.metadata)
            let right = RevisionAnnotations.revision(of: $1.metadata)
            return left == right ? Self.isOlder($0, $1) : left < right
        }
        return byRevision.prefix(count).filter {
            $0.size == 0 && $0.status.replicas == 0 && $0.metadata.generation <= $0.status.observedGeneration
        }
    }
}

extension ReplicaSet {
    /// What `spec.replicas` asks for.
    var size: Int32 { spec.replicas ?? 1 }

    /// How many available pods it has or will have left: its status may count some that it was told to give up just
    /// now, and counting on those would take away too many elsewhere.
    var available: Int32 { min(status.availableReplicas, size) }
}

extension [ReplicaSet] {
    var totalSize: Int32 { reduce(0) { $0 + $1.size } }
}
