import KubernetesAPI

/// One look at one Deployment and everything that is done about it then. Whatever it changes comes back as an event
/// and leads to the next round.
struct DeploymentRound {
    let client: APIClient
    let events: EventRecorder
    let time: TimeSource
    /// The pods of a ReplicaSet, whatever their state.
    let pods: (ReplicaSet) -> [Pod]
    /// The Deployment as it was written last.
    let before: Deployment
    /// With a revision and conditions that this round found and that are not written yet.
    var deployment: Deployment
    var new: ReplicaSet?
    var old: [ReplicaSet]

    init(
        client: APIClient, events: EventRecorder, time: TimeSource, deployment: Deployment, sets: [ReplicaSet],
        pods: @escaping (ReplicaSet) -> [Pod]
    ) {
        self.client = client
        self.events = events
        self.time = time
        self.deployment = deployment
        self.pods = pods
        before = deployment
        let sorted = sets.sorted(by: RolloutPlan.isOlder)
        // Of several with the same template (there should be one) the oldest is it, every time.
        let new = sorted.first { PodTemplateHash.areEqual($0.spec.template, deployment.spec.template) }
        self.new = new
        old = sorted.filter { $0.metadata.uid != new?.metadata.uid }
    }

    private var plan: RolloutPlan { RolloutPlan(deployment, new: new, old: old) }

    /// Takes the next step. Returns when to look again though nothing happens.
    mutating func run() async throws -> Duration? {
        try await syncRevision()
        if deployment.metadata.isBeingDeleted {
            try await writeStatus(countsOnly: true)
            return nil
        }
        notePause()
        if deployment.spec.paused || plan.isScaling {
            try await apply(plan.scaling(statusReplicas: deployment.status.replicas))
            if deployment.spec.paused { try await cleanUp() }
            try await writeStatus(countsOnly: true)
            return nil
        }
        switch deployment.spec.strategy.type {
        case .recreate: try await recreate()
        default: try await rollingUpdate()
        }
        return try await writeStatus(countsOnly: false)
    }

    private mutating func rollingUpdate() async throws {
        if new == nil { try await createNew() }
        let steps = plan.rollingUpdate()
        try await apply(steps)
        if steps.isEmpty, DeploymentProgress.isComplete(deployment, deployment.status) { try await cleanUp() }
    }

    private mutating func recreate() async throws {
        let steps = plan.emptyOld()
        if !steps.isEmpty { return try await apply(steps) }
        if isOldRunning { return }
        if new == nil { try await createNew() }
        try await apply(plan.fillNew())
        if DeploymentProgress.isComplete(deployment, deployment.status) { try await cleanUp() }
    }

    /// Whether any pod of an old version may still run; one that is being stopped may.
    private var isOldRunning: Bool {
        old.contains { set in set.status.replicas > 0 || pods(set).contains { !$0.isTerminated } }
    }

    // MARK: Writing

    private mutating func apply(_ steps: [ScaleStep]) async throws {
        for step in steps {
            if let set = new, set.metadata.uid == step.uid {
                new = try await scale(set, to: step.replicas)
            } else if let index = old.firstIndex(where: { $0.metadata.uid == step.uid }) {
                old[index] = try await scale(old[index], to: step.replicas)
            }
        }
    }

    private func scale(_ set: ReplicaSet, to replicas: Int32) async throws -> ReplicaSet {
        var changed = set
        changed.spec.replicas = replicas
        RevisionAnnotations.setSizes(RolloutBounds(deployment.spec), on: &changed.metadata)
        guard changed != set else { return set }
        let result = try await client.update(changed)
        if set.size != replicas {
            let direction = replicas > set.size ? "up" : "down"
            events.record(
                deployment, reason: ControllerReason.scalingReplicaSet,
                message: "Scaled \(direction) replica set \(set.metadata.name) from \(set.size) to \(replicas)")
        }
        return result
    }

    /// Deletes old ReplicaSets that the history has no room for.
    private func cleanUp() async throws {
        for set in plan.superfluous(limit: deployment.spec.revisionHistoryLimit) {
            var options = DeleteOptions()
            options.preconditions = Preconditions()
            options.preconditions?.uid = set.metadata.uid
            do {
                try await client.delete(
                    ReplicaSet.self, set.metadata.name, namespace: set.metadata.namespace, options: options)
            } catch let error as APIError where error.isNotFound {
                continue
            }
        }
    }

    /// Says in the `Progressing` condition that the rollout is paused or goes on, which restarts its deadline.
    private mutating func notePause() {
        guard DeploymentProgress.deadline(deployment.spec) != nil else { return }
        let reason = deployment.status.condition(.progressing)?.reason
        if reason == ControllerReason.progressDeadlineExceeded { return }
        let wasPaused = reason == ControllerReason.deploymentPaused
        if deployment.spec.paused, !wasPaused {
            deployment.status.set(
                .progressing, .unknown, ControllerReason.deploymentPaused, "Deployment is paused", time.now)
        } else if !deployment.spec.paused, wasPaused {
            deployment.status.set(
                .progressing, .unknown, ControllerReason.deploymentResumed, "Deployment is resumed", time.now)
        }
    }

    /// Writes the status where it changed. Returns when to look again though nothing happens.
    ///
    /// - Parameter countsOnly: no verdict on the rollout's progress, as while it is paused.
    @discardableResult
    private mutating func writeStatus(countsOnly: Bool) async throws -> Duration? {
        let progress = DeploymentProgress(deployment: deployment, new: new, old: old, now: time.preciseNow)
        let status =
            countsOnly
            ? DeploymentStatus(deployment.status, of: deployment, new: new, old: old, now: time.now)
            : progress.status(before: before.status, conditions: deployment.status)
        deployment.status = status
        try await writeIfChanged()
        return countsOnly ? nil : progress.nextCheck(status)
    }

    private mutating func writeIfChanged() async throws {
        if deployment != before { deployment = try await client.updateStatus(deployment) }
    }
}

// MARK: The ReplicaSet of the present template

extension DeploymentRound {
    /// Makes sure that the newest ReplicaSet has the highest revision and the Deployment says so.
    private mutating func syncRevision() async throws {
        guard let set = new else { return }
        var changed = set
        let revision = RevisionAnnotations.highestRevision(old) + 1
        RevisionAnnotations.update(&changed, of: deployment, revision: revision, isNew: false)
        changed.spec.minReadySeconds = deployment.spec.minReadySeconds
        if changed != set { new = try await client.update(changed) }
        noteRevision(of: changed)
        if DeploymentProgress.deadline(deployment.spec) != nil, deployment.status.condition(.progressing) == nil {
            deployment.status.set(
                .progressing, .true, ControllerReason.foundNewReplicaSet,
                "Found new replica set \"\(set.metadata.name)\"", time.now)
        }
    }

    /// Notes the ReplicaSet's revision on the Deployment. It is written with the status, which, as upstream, may change
    /// annotations: a write of the main resource would count as a new generation.
    private mutating func noteRevision(of set: ReplicaSet) {
        let key = RevisionAnnotations.revision
        if let revision = set.metadata.annotations[key] { deployment.metadata.annotations[key] = revision }
    }

    private mutating func createNew() async throws {
        let template = deployment.spec.template
        let hash = PodTemplateHash.of(template, collisionCount: deployment.status.collisionCount)
        var set = ReplicaSet()
        set.metadata.name = "\(deployment.metadata.name)-\(hash)"
        set.metadata.namespace = deployment.metadata.namespace
        set.metadata.ownerReferences = [deployment.controllerReference]
        set.spec.template = template
        set.spec.template.metadata.labels[PodTemplateHash.label] = hash
        set.metadata.labels = set.spec.template.metadata.labels
        set.spec.selector = deployment.spec.selector
        set.spec.selector?.matchLabels[PodTemplateHash.label] = hash
        set.spec.minReadySeconds = deployment.spec.minReadySeconds
        let size = plan.newSize(present: 0, total: old.totalSize)
        set.spec.replicas = size
        RevisionAnnotations.update(
            &set, of: deployment, revision: RevisionAnnotations.highestRevision(old) + 1, isNew: true)

        var existed = false
        do {
            new = try await client.create(set)
        } catch let error as APIError where error.isAlreadyExists {
            new = try await resolveCollision(set)
            existed = true
        } catch let error as APIError where error.isNamespaceTerminating {
            throw error
        } catch {
            try await reportFailure(to: set, error)
            throw error
        }
        guard let new else { return }
        if !existed, size > 0 {
            events.record(
                deployment, reason: ControllerReason.scalingReplicaSet,
                message: "Scaled up replica set \(set.metadata.name) from 0 to \(size)")
        }
        noteRevision(of: new)
        if !existed, DeploymentProgress.deadline(deployment.spec) != nil {
            deployment.status.set(
                .progressing, .true, ControllerReason.newReplicaSetCreated,
                "Created new replica set \"\(set.metadata.name)\"", time.now)
        }
    }

    /// The name is taken: by the very ReplicaSet that is to be made, which the cache has not seen yet; or by another,
    /// and then the next round takes another name.
    private mutating func resolveCollision(_ set: ReplicaSet) async throws -> ReplicaSet {
        let present = try await client.get(ReplicaSet.self, set.metadata.name, namespace: set.metadata.namespace)
        if present.metadata.controller?.uid == deployment.metadata.uid,
            PodTemplateHash.areEqual(present.spec.template, deployment.spec.template)
        {
            return present
        }
        var changed = deployment
        changed.status.collisionCount = (deployment.status.collisionCount ?? 0) + 1
        _ = try await client.updateStatus(changed)
        throw APIError(
            code: 409, reason: .alreadyExists,
            message: "the hash of deployment \(deployment.key)'s template is taken by replica set \(present.key)")
    }

    private mutating func reportFailure(to set: ReplicaSet, _ error: any Error) async throws {
        let message = "Failed to create new replica set \"\(set.metadata.name)\": \(error)"
        events.record(deployment, .warning, reason: ControllerReason.replicaSetCreateError, message: message)
        guard DeploymentProgress.deadline(deployment.spec) != nil else { return }
        deployment.status.set(.progressing, .false, ControllerReason.replicaSetCreateError, message, time.now)
        try await writeIfChanged()
    }
}
