import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite struct RolloutBoundsTests {
    /// (replicas, surge, unavailable) to (surge, unavailable), with the rounding of deploymentutil.
    @Test func percentagesAreRoundedAsUpstream() {
        let cases: [(Int32, IntOrString, IntOrString, Int32, Int32)] = [
            (3, "25%", "25%", 1, 0), (10, "25%", "25%", 3, 2), (4, "25%", "25%", 1, 1), (1, "25%", "25%", 1, 0),
            (10, 2, 3, 2, 3), (10, "0%", "0%", 0, 1), (3, 0, "25%", 0, 1), (3, 0, 0, 0, 1), (5, "100%", "100%", 5, 5),
            (2, 1, 7, 1, 2), (0, "25%", "25%", 0, 0),
        ]
        for (replicas, surge, unavailable, wantSurge, wantUnavailable) in cases {
            let spec = Sample.deployment(replicas: replicas, maxSurge: surge, maxUnavailable: unavailable).spec
            let bounds = RolloutBounds(spec)
            #expect(bounds.maxSurge == wantSurge, "\(replicas), \(surge), \(unavailable)")
            #expect(bounds.maxUnavailable == wantUnavailable, "\(replicas), \(surge), \(unavailable)")
        }
        var recreate = Sample.deployment().spec
        recreate.strategy.type = .recreate
        #expect(RolloutBounds(recreate).maxTotal == 3)
        #expect(RolloutBounds(recreate).minAvailable == 3)
    }
}

@Suite struct RolloutPlanTests {
    private func set(
        _ name: String, _ replicas: Int32, available: Int32? = nil, desired: Int32? = nil, max: Int32? = nil,
        revision: Int? = nil, age: Int64 = 0
    ) -> ReplicaSet {
        var set = Sample.replicaSet(name, replicas: replicas)
        set.metadata.uid = name
        set.metadata.creationTimestamp = Timestamp(seconds: 1_000_000 - age)
        set.status.availableReplicas = available ?? replicas
        set.status.replicas = replicas
        set.metadata.annotations[RevisionAnnotations.desiredReplicas] = desired.map { String($0) }
        set.metadata.annotations[RevisionAnnotations.maxReplicas] = max.map { String($0) }
        set.metadata.annotations[RevisionAnnotations.revision] = revision.map { String($0) }
        return set
    }

    private func steps(_ steps: [ScaleStep]) -> [String: Int32] {
        Dictionary(uniqueKeysWithValues: steps.map { ($0.uid, $0.replicas) })
    }

    @Test func rollingUpdateGoesUpThenDown() {
        func next(_ new: ReplicaSet, _ old: [ReplicaSet], surge: IntOrString, unavailable: IntOrString) -> [String:
            Int32]
        {
            let deployment = Sample.deployment(replicas: 10, maxSurge: surge, maxUnavailable: unavailable)
            return steps(RolloutPlan(deployment, new: new, old: old).rollingUpdate())
        }
        // As far up as the surge lets it.
        #expect(next(set("new", 0), [set("old", 10)], surge: 3, unavailable: 2) == ["new": 3])
        // Then as far down as availability lets it.
        #expect(next(set("new", 3, available: 0), [set("old", 10)], surge: 3, unavailable: 2) == ["old": 8])
        // Not further while nothing new is available.
        #expect(next(set("new", 5, available: 0), [set("old", 8)], surge: 3, unavailable: 2) == [:])
        #expect(next(set("new", 5, available: 5), [set("old", 8)], surge: 3, unavailable: 2) == ["old": 3])
        // A surge that was scaled too far comes back.
        #expect(next(set("new", 12), [], surge: 3, unavailable: 2) == ["new": 10])
        // Without a surge something has to go first.
        #expect(next(set("new", 0), [set("old", 10)], surge: 0, unavailable: 2) == ["old": 8])
        // What is broken goes first, and beyond the spare ones.
        #expect(
            next(
                set("new", 3, available: 0), [set("good", 7, age: 1), set("broken", 3, available: 0, age: 2)],
                surge: 3, unavailable: 2) == ["broken": 1])
        #expect(
            next(
                set("new", 3, available: 3), [set("good", 8, age: 1), set("broken", 2, available: 0, age: 2)],
                surge: 3, unavailable: 2) == ["broken": 0, "good": 5])
        // A status that still counts pods that were given up just now is not relied on.
        #expect(
            next(set("new", 6, available: 4), [set("old", 6, available: 9)], surge: 2, unavailable: 2) == ["old": 4])
        // Done.
        #expect(next(set("new", 10), [set("old", 0)], surge: 3, unavailable: 2) == [:])
    }

    @Test func scalingInTheMiddleOfARolloutKeepsProportions() {
        func next(_ replicas: Int32, _ new: ReplicaSet, _ old: [ReplicaSet]) -> [String: Int32] {
            let deployment = Sample.deployment(replicas: replicas, maxSurge: 3, maxUnavailable: 2)
            return steps(RolloutPlan(deployment, new: new, old: old).scaling(statusReplicas: 13))
        }
        // The documentation's example: 10 with 5 and 8, to 15.
        #expect(
            next(15, set("new", 5, available: 0, desired: 10, max: 13), [set("old", 8, desired: 10, max: 13)])
                == ["new": 7, "old": 11])
        // Down: everything allowed is 8.
        #expect(
            next(5, set("new", 5, available: 0, desired: 10, max: 13), [set("old", 8, desired: 10, max: 13)])
                == ["new": 3, "old": 5])
        #expect(
            next(0, set("new", 5, available: 0, desired: 10, max: 13), [set("old", 8, desired: 10, max: 13)])
                == ["new": 0, "old": 0])
        // With one in use it is simply that one.
        #expect(next(15, set("new", 10, desired: 10, max: 13), [set("old", 0)]) == ["new": 15])
        #expect(next(4, set("new", 0), [set("old", 0)]) == ["new": 4])
        // Where the new one has taken over the old ones go.
        #expect(next(10, set("new", 10, desired: 10, max: 13), [set("old", 2, desired: 8, max: 10)]) == ["old": 0])
    }

    @Test func aChangeOfSizeIsNoticedByTheAnnotation() {
        func isScaling(_ desired: Int32?, size: Int32 = 3) -> Bool {
            RolloutPlan(Sample.deployment(replicas: 3), new: set("new", size, desired: desired), old: []).isScaling
        }
        #expect(!isScaling(3))
        #expect(isScaling(5))
        #expect(!isScaling(nil))
        #expect(!isScaling(5, size: 0))
    }

    @Test func historyKeepsTheLatestRevisions() {
        let old = [
            set("c", 0, revision: 3), set("a", 0, revision: 1), set("d", 1, revision: 4), set("b", 0, revision: 2),
        ]
        func gone(_ limit: Int32?) -> [String] {
            RolloutPlan(Sample.deployment(), new: set("e", 3, revision: 5), old: old).superfluous(limit: limit)
                .map(\.metadata.name)
        }
        #expect(gone(10) == [])
        #expect(gone(2) == ["a", "b"])
        // One that has pods stays.
        #expect(gone(0) == ["a", "b", "c"])
        #expect(gone(nil) == [])
        #expect(gone(.max) == [])
    }
}

@Suite struct PodTemplateHashTests {
    @Test func fnvIsFNV1() {
        #expect(PodTemplateHash.fnv1([]) == 0x811C_9DC5)
        #expect(PodTemplateHash.fnv1("a".utf8) == 0x050C_5D7E)
        #expect(PodTemplateHash.fnv1("foobar".utf8) == 0x31F0_B262)
    }

    @Test func theAlphabetIsSafe() {
        // '0' is 48 and 48 mod 27 is 21: the 22nd of the alphabet.
        #expect(PodTemplateHash.safeEncode("0123456789") == "456789bcdf")
    }

    @Test func itFollowsTheTemplate() {
        let template = Sample.template(image: "good:1")
        let hash = PodTemplateHash.of(template, collisionCount: nil)
        #expect(hash == PodTemplateHash.of(Sample.template(image: "good:1"), collisionCount: nil))
        #expect(hash != PodTemplateHash.of(Sample.template(image: "good:2"), collisionCount: nil))
        #expect(hash != PodTemplateHash.of(template, collisionCount: 1))
        #expect(hash.utf8.count <= 10)
        var labelled = template
        labelled.metadata.labels[PodTemplateHash.label] = hash
        #expect(PodTemplateHash.areEqual(template, labelled))
    }
}

@Suite struct DeploymentProgressTests {
    private func progress(_ change: (inout Deployment) -> Void = { _ in }, available: Int32, now: Int64)
        -> DeploymentProgress
    {
        var deployment = Sample.deployment()
        deployment.metadata.generation = 2
        change(&deployment)
        var new = Sample.replicaSet("web-new", replicas: 3)
        new.status.replicas = 3
        new.status.readyReplicas = available
        new.status.availableReplicas = available
        return DeploymentProgress(
            deployment: deployment, new: new, old: [], now: MicroTimestamp(microseconds: now * 1_000_000))
    }

    @Test func theConditionTellsTheStory() throws {
        var status = DeploymentStatus()
        status.set(
            .progressing, .true, "NewReplicaSetCreated", "Created new replica set \"web-new\"", Timestamp(seconds: 0))

        // Pods came: progress, and the deadline counts from here.
        let started = progress(available: 0, now: 100).status(before: status, conditions: status)
        let updated = try #require(started.condition(.progressing))
        #expect(updated.reason == "ReplicaSetUpdated")
        #expect(updated.message == "ReplicaSet \"web-new\" is progressing.")
        #expect(updated.lastUpdateTime?.seconds == 100)
        #expect(updated.lastTransitionTime?.seconds == 0)
        #expect(started.condition(.available)?.reason == "MinimumReplicasUnavailable")
        #expect(started.unavailableReplicas == 3)

        // Nothing new: unchanged until the deadline.
        let before = progress(available: 0, now: 700)
        #expect(before.status(before: started, conditions: started) == started)
        #expect(before.nextCheck(started) == .microseconds(1))
        let late = progress(available: 0, now: 701).status(before: started, conditions: started)
        #expect(late.condition(.progressing)?.reason == "ProgressDeadlineExceeded")
        #expect(late.condition(.progressing)?.status == .false)
        #expect(late.condition(.progressing)?.lastTransitionTime?.seconds == 701)

        // It gets there after all.
        let done = progress(available: 3, now: 800).status(before: late, conditions: late)
        #expect(done.condition(.progressing)?.reason == "NewReplicaSetAvailable")
        #expect(done.condition(.progressing)?.status == .true)
        #expect(done.condition(.available)?.reason == "MinimumReplicasAvailable")
        #expect(progress(available: 3, now: 800).nextCheck(done) == nil)

        // A pod that fails later is no rollout that is late.
        let after = progress(available: 2, now: 5000).status(before: done, conditions: done)
        #expect(after.condition(.progressing)?.reason == "NewReplicaSetAvailable")
    }

    @Test func withoutADeadlineThereIsNoSuchCondition() {
        var status = DeploymentStatus()
        status.set(.progressing, .true, "ReplicaSetUpdated", "", Timestamp(seconds: 0))
        for deadline in [nil, Int32.max] {
            let result = progress({ $0.spec.progressDeadlineSeconds = deadline }, available: 0, now: 1_000_000)
                .status(before: status, conditions: status)
            #expect(result.condition(.progressing) == nil)
        }
    }

    @Test func aFailureOfTheReplicaSetIsTheDeployments() {
        var progress = progress(available: 0, now: 1)
        var condition = ReplicaSetCondition()
        condition.type = .replicaFailure
        condition.status = .true
        condition.reason = "FailedCreate"
        condition.message = "exceeded quota"
        var new = progress.new ?? ReplicaSet()
        new.status.conditions = [condition]
        progress = DeploymentProgress(deployment: progress.deployment, new: new, old: [], now: progress.now)
        let status = progress.status(before: DeploymentStatus(), conditions: DeploymentStatus())
        #expect(status.condition(.replicaFailure)?.reason == "FailedCreate")
        #expect(status.condition(.replicaFailure)?.message == "exceeded quota")
    }
}

@Suite struct RevisionAnnotationsTests {
    @Test func annotationsAreTakenOverButTheOnesOfItsOwn() {
        var deployment = Sample.deployment()
        deployment.metadata.annotations = [
            "kubernetes.io/change-cause": "why", RevisionAnnotations.lastApplied: "{}",
            RevisionAnnotations.revision: "7",
        ]
        var set = Sample.replicaSet()
        RevisionAnnotations.update(&set, of: deployment, revision: 3, isNew: true)
        #expect(
            set.metadata.annotations == [
                "kubernetes.io/change-cause": "why", RevisionAnnotations.revision: "3",
                RevisionAnnotations.desiredReplicas: "3", RevisionAnnotations.maxReplicas: "4",
            ])
        // Never back, and each revision that it had is remembered.
        RevisionAnnotations.update(&set, of: deployment, revision: 2, isNew: false)
        #expect(set.metadata.annotations[RevisionAnnotations.revision] == "3")
        RevisionAnnotations.update(&set, of: deployment, revision: 5, isNew: false)
        RevisionAnnotations.update(&set, of: deployment, revision: 8, isNew: false)
        #expect(set.metadata.annotations[RevisionAnnotations.history] == "3,5")
    }
}
