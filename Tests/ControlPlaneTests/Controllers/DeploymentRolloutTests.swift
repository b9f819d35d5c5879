import KubernetesAPI
import Synchronization
import Testing

@testable import ControlPlane

/// Rollouts through the real controllers and scheduler, on a fake API and a fake node.
@Suite(.timeLimit(.minutes(2))) struct DeploymentRolloutTests {
    @Test func aDeploymentGetsItsPods() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            let snapshot = cluster.api.snapshot
            let set = try #require(snapshot.all(ReplicaSet.self).first)
            let pods = snapshot.all(Pod.self)
            #expect(pods.count == 3)
            #expect(pods.allSatisfy { $0.spec.nodeName == "node" })
            #expect(pods.allSatisfy { $0.metadata.controller?.uid == set.metadata.uid })
            #expect(pods.allSatisfy { $0.metadata.name.hasPrefix(set.metadata.name + "-") })
            let hash = try #require(set.metadata.labels[PodTemplateHash.label])
            #expect(set.metadata.name == "web-\(hash)")
            #expect(set.spec.selector?.matchLabels == ["app": "web", "pod-template-hash": hash])
            #expect(set.metadata.annotations[RevisionAnnotations.revision] == "1")
            #expect(set.metadata.annotations[RevisionAnnotations.desiredReplicas] == "3")
            #expect(set.metadata.annotations[RevisionAnnotations.maxReplicas] == "4")

            try await cluster.api.until("conditions") { snapshot in
                snapshot.one(Deployment.self, "web")?.status.condition(.progressing)?.reason
                    == "NewReplicaSetAvailable"
            }
            let deployment = try #require(cluster.api.snapshot.one(Deployment.self, "web"))
            #expect(deployment.metadata.annotations[RevisionAnnotations.revision] == "1")
            #expect(deployment.status.condition(.available)?.reason == "MinimumReplicasAvailable")
            #expect(
                deployment.status.condition(.progressing)?.message
                    == "ReplicaSet \"\(set.metadata.name)\" has successfully progressed.")
            try await cluster.api.until("events") { snapshot in
                let events = snapshot.all(Event.self)
                return events.contains {
                    $0.reason == "ScalingReplicaSet"
                        && $0.message == "Scaled up replica set \(set.metadata.name) from 0 to 3"
                } && events.count { $0.reason == "SuccessfulCreate" && $0.message.hasPrefix("Created pod: web-") } == 3
                    && events.count { $0.reason == "Scheduled" && $0.message.hasSuffix(" to node") } == 3
            }
        }
    }

    @Test func aNewVersionReplacesTheOldOneAndUndoBringsItBack() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            let first = try #require(cluster.api.snapshot.all(ReplicaSet.self).first)
            try await cluster.change(Deployment.self, "web") {
                $0.spec.template.spec.containers[0].image = "good:2"
                $0.metadata.annotations["kubernetes.io/change-cause"] = "two"
            }
            try await cluster.untilComplete()
            let sets = cluster.api.snapshot.all(ReplicaSet.self)
            #expect(sets.count == 2)
            let second = try #require(sets.first { $0.metadata.uid != first.metadata.uid })
            #expect(second.metadata.annotations[RevisionAnnotations.revision] == "2")
            #expect(second.metadata.annotations["kubernetes.io/change-cause"] == "two")

            try await cluster.change(Deployment.self, "web") {
                $0.spec.template.spec.containers[0].image = "good:1"
            }
            try await cluster.untilComplete()
            let back = try #require(cluster.api.snapshot.one(ReplicaSet.self, first.metadata.name))
            #expect(back.size == 3)
            #expect(back.metadata.annotations[RevisionAnnotations.revision] == "3")
            #expect(back.metadata.annotations[RevisionAnnotations.history] == "1")
            #expect(cluster.api.snapshot.all(ReplicaSet.self).count == 2)
            try await cluster.api.until("the revision") {
                $0.one(Deployment.self, "web")?.metadata.annotations[RevisionAnnotations.revision] == "3"
            }
        }
    }

    @Test(arguments: ["bad:2", "crash:2"]) func aVersionThatNeverGetsReadyStopsTheRollout(image: String) async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            try await cluster.change(Deployment.self, "web") { $0.spec.template.spec.containers[0].image = image }
            // 25 % of 3: one more, none fewer.
            try await cluster.api.until("one new pod") { snapshot in
                snapshot.all(Pod.self).count == 4
                    && snapshot.one(Deployment.self, "web")?.status.updatedReplicas == 1
            }
            clock.advance(by: .seconds(599))
            let early = try #require(cluster.api.snapshot.one(Deployment.self, "web"))
            #expect(early.status.condition(.progressing)?.status == .true)
            clock.advance(by: .seconds(3))
            try await cluster.api.until("the deadline is reported") { snapshot in
                snapshot.one(Deployment.self, "web")?.status.condition(.progressing)?.reason
                    == "ProgressDeadlineExceeded"
            }
            let deployment = try #require(cluster.api.snapshot.one(Deployment.self, "web"))
            #expect(deployment.status.condition(.progressing)?.status == .false)
            #expect(
                deployment.status.condition(.progressing)?.message.hasSuffix("has timed out progressing.") == true)
            #expect(deployment.status.availableReplicas == 3)
            let pods = cluster.api.snapshot.all(Pod.self)
            #expect(pods.count { $0.spec.containers[0].image == "good:1" && $0.isReady } == 3)

            // And back: the broken one goes first, and the good ones never went.
            try await cluster.change(Deployment.self, "web") { $0.spec.template.spec.containers[0].image = "good:1" }
            try await cluster.untilComplete()
            let left = Set(cluster.api.snapshot.all(Pod.self).map(\.metadata.uid))
            #expect(left == Set(pods.filter(\.isReady).map(\.metadata.uid)))
        }
    }

    @Test func scalingUpDownAndToZero() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            for replicas: Int32 in [10, 2, 0, 4] {
                try await cluster.change(Deployment.self, "web") { $0.spec.replicas = replicas }
                try await cluster.untilComplete()
                try await cluster.api.until("\(replicas) pods") { $0.all(Pod.self).count == Int(replicas) }
            }
            #expect(cluster.api.snapshot.all(ReplicaSet.self).count == 1)
            try await cluster.api.until("events") { snapshot in
                let messages = snapshot.all(Event.self).map(\.message)
                return messages.contains { $0.hasPrefix("Scaled up replica set web-") && $0.hasSuffix(" from 3 to 10") }
                    && messages.contains {
                        $0.hasPrefix("Scaled down replica set web-") && $0.hasSuffix(" from 10 to 2")
                    }
            }
        }
    }

    @Test func recreateStopsTheOldBeforeTheNewStarts() async throws {
        try await ControllerTestbed.run { cluster in
            let mixed = Mutex(false)
            cluster.api.observe { snapshot in
                let images = Set(snapshot.all(Pod.self).filter { !$0.isTerminated }.map { $0.spec.containers[0].image })
                if images.count > 1 { mixed.withLock { $0 = true } }
            }
            var deployment = Sample.deployment()
            deployment.spec.strategy = DeploymentStrategy()
            deployment.spec.strategy.type = .recreate
            _ = try await cluster.client.create(deployment)
            try await cluster.untilComplete()
            try await cluster.change(Deployment.self, "web") { $0.spec.template.spec.containers[0].image = "good:2" }
            try await cluster.untilComplete()
            #expect(mixed.withLock { $0 } == false)
            #expect(cluster.api.snapshot.all(Pod.self).allSatisfy { $0.spec.containers[0].image == "good:2" })
        }
    }

    @Test func aPausedDeploymentScalesAndDoesNotRollOut() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            try await cluster.change(Deployment.self, "web") {
                $0.spec.paused = true
                $0.spec.template.spec.containers[0].image = "good:2"
                $0.spec.replicas = 5
            }
            try await cluster.api.until("five old pods") { snapshot in
                snapshot.all(Pod.self).count(where: \.isReady) == 5
                    && snapshot.one(Deployment.self, "web")?.status.condition(.progressing)?.reason
                        == "DeploymentPaused"
            }
            #expect(cluster.api.snapshot.all(Pod.self).allSatisfy { $0.spec.containers[0].image == "good:1" })
            #expect(cluster.api.snapshot.all(ReplicaSet.self).count == 1)
            try await cluster.change(Deployment.self, "web") { $0.spec.paused = false }
            try await cluster.untilComplete()
            #expect(cluster.api.snapshot.all(Pod.self).allSatisfy { $0.spec.containers[0].image == "good:2" })
        }
    }

    @Test func oldReplicaSetsGoBeyondTheHistoryLimit() async throws {
        try await ControllerTestbed.run { cluster in
            var deployment = Sample.deployment(replicas: 1)
            deployment.spec.revisionHistoryLimit = 2
            _ = try await cluster.client.create(deployment)
            try await cluster.untilComplete()
            for version in 2...6 {
                try await cluster.change(Deployment.self, "web") {
                    $0.spec.template.spec.containers[0].image = "good:\(version)"
                }
                try await cluster.untilComplete()
            }
            try await cluster.api.until("two old ones and the new one") { snapshot in
                snapshot.all(ReplicaSet.self).map { $0.spec.template.spec.containers[0].image }.sorted()
                    == ["good:4", "good:5", "good:6"]
            }
        }
    }

    @Test func replicaSetsAreAdoptedAndReleasedBySelector() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            let pods = Set(cluster.api.snapshot.all(Pod.self).map(\.metadata.uid))
            let set = try #require(cluster.api.snapshot.all(ReplicaSet.self).first)

            // Without its label it is no longer the deployment's; a new one is made in its place.
            try await cluster.change(ReplicaSet.self, set.metadata.name) { $0.metadata.labels = [:] }
            try await cluster.api.until("it is let go") { snapshot in
                snapshot.one(ReplicaSet.self, set.metadata.name)?.metadata.ownerReferences.isEmpty == true
            }
            // Its name is that of the template's hash: the new one needs another.
            try await cluster.api.until("another one") { $0.all(ReplicaSet.self).count == 2 }
            try await cluster.untilComplete()
            #expect((cluster.api.snapshot.one(Deployment.self, "web")?.status.collisionCount ?? 0) >= 1)
            #expect(cluster.api.snapshot.all(Pod.self).count == 6)
            #expect(pods.isSubset(of: Set(cluster.api.snapshot.all(Pod.self).map(\.metadata.uid))))

            // With the label again it is taken back, and of two of the same template one is left with pods.
            try await cluster.change(ReplicaSet.self, set.metadata.name) { $0.metadata.labels = set.metadata.labels }
            try await cluster.api.until("it is taken back") { snapshot in
                snapshot.one(ReplicaSet.self, set.metadata.name)?.metadata.controller?.name == "web"
                    && snapshot.all(Pod.self).count == 3
            }
        }
    }

    /// Random updates, at random moments, with pods that become ready in random order: there is never less available
    /// nor more asked for than the strategy allows.
    @Test(arguments: 1...4) func boundsHoldInRandomRollouts(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        let replicas = Int32(random.next(2...8))
        let surge = Int32(random.next(0...2))
        let unavailable = Int32(random.next(surge == 0 ? 1...2 : 0...2))
        let violations = Mutex<[String]>([])
        let armed = Mutex(false)
        try await ControllerTestbed.run(pause: { _ in
            for _ in 0..<random.next(0...20) { await Task.yield() }
        }) { cluster in
            cluster.api.observe { snapshot in
                let asked = snapshot.all(ReplicaSet.self).totalSize
                if asked > replicas + surge { violations.withLock { $0.append("\(asked) asked for") } }
                guard armed.withLock({ $0 }) else { return }
                let available = snapshot.all(Pod.self).count { $0.isActive && $0.isReady }
                if available < replicas - unavailable { violations.withLock { $0.append("\(available) available") } }
            }
            _ = try await cluster.client.create(
                Sample.deployment(replicas: replicas, maxSurge: .int(surge), maxUnavailable: .int(unavailable)))
            try await cluster.untilComplete()
            armed.withLock { $0 = true }
            for step in 0..<6 {
                let image = random.next(0...3) == 0 ? "bad:\(step)" : "good:\(step)"
                try await cluster.change(Deployment.self, "web") { $0.spec.template.spec.containers[0].image = image }
                for _ in 0..<random.next(0...400) { await Task.yield() }
            }
            try await cluster.change(Deployment.self, "web") { $0.spec.template.spec.containers[0].image = "good:last" }
            try await cluster.untilComplete()
            try await cluster.api.until("exactly the replicas") { $0.all(Pod.self).count == Int(replicas) }
        }
        #expect(violations.withLock { $0 } == [])
    }
}

/// SplitMix64, so that a run can be repeated by its seed.
final class SeededRandom: Sendable {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64) { state = Mutex(seed &* 0x9E37_79B9_7F4A_7C15) }

    func next(_ range: ClosedRange<Int>) -> Int {
        let bits = state.withLock { state -> UInt64 in
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = state
            bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
            return bits ^ (bits >> 31)
        }
        return range.lowerBound + Int(bits % UInt64(range.count))
    }
}
