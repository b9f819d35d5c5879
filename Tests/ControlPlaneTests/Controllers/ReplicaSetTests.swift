import KubernetesAPI
import Synchronization
import Testing

@testable import ControlPlane

@Suite(.timeLimit(.minutes(2))) struct ReplicaSetTests {
    @Test func itMakesUpForPodsThatGo() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.replicaSet(replicas: 3))
            try await cluster.api.until("three ready") {
                $0.one(ReplicaSet.self, "web")?.status.readyReplicas == 3
            }
            let victim = try #require(cluster.api.snapshot.all(Pod.self).first)
            var options = DeleteOptions()
            options.gracePeriodSeconds = 0
            try await cluster.client.delete(
                Pod.self, victim.metadata.name, namespace: "default", options: options)
            try await cluster.api.until("three again, without it") { snapshot in
                let pods = snapshot.all(Pod.self)
                return pods.count(where: \.isReady) == 3 && !pods.contains { $0.metadata.uid == victim.metadata.uid }
            }
        }
    }

    /// However many changes come at once, no pod is ever made beyond what is asked for.
    @Test(arguments: 1...5) func itNeverMakesOneTooMany(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        let most = Mutex(0)
        try await ControllerTestbed.run(pause: { _ in
            for _ in 0..<random.next(0...10) { await Task.yield() }
        }) { cluster in
            cluster.api.observe { snapshot in
                let count = snapshot.all(Pod.self).count(where: \.isActive)
                most.withLock { $0 = max($0, count) }
            }
            _ = try await cluster.client.create(Sample.replicaSet(replicas: 7))
            for _ in 0..<40 {
                let pods = cluster.api.snapshot.all(Pod.self)
                if !pods.isEmpty {
                    var options = DeleteOptions()
                    options.gracePeriodSeconds = random.next(0...1) == 0 ? 0 : nil
                    let victim = pods[random.next(0...(pods.count - 1))]
                    _ = try? await cluster.client.delete(
                        Pod.self, victim.metadata.name, namespace: "default", options: options)
                }
                for _ in 0..<random.next(0...50) { await Task.yield() }
            }
            try await cluster.api.until("seven ready") { snapshot in
                let pods = snapshot.all(Pod.self)
                return pods.count == 7 && pods.allSatisfy(\.isReady)
                    && snapshot.one(ReplicaSet.self, "web")?.status.availableReplicas == 7
            }
        }
        #expect(most.withLock { $0 } == 7)
    }

    @Test func podsAreAdoptedAndReleasedBySelector() async throws {
        try await ControllerTestbed.run { cluster in
            let stray = try await cluster.client.create(Sample.pod("stray"))
            let other = try await cluster.client.create(Sample.pod("other", labels: ["app": "else"]))
            _ = try await cluster.client.create(Sample.replicaSet(replicas: 2))
            try await cluster.api.until("two, the stray one among them") { snapshot in
                snapshot.one(Pod.self, "stray")?.metadata.controller?.name == "web"
                    && snapshot.one(ReplicaSet.self, "web")?.status.readyReplicas == 2
            }
            #expect(cluster.api.snapshot.all(Pod.self).count == 3)
            #expect(cluster.api.snapshot.one(Pod.self, "other")?.metadata.uid == other.metadata.uid)
            #expect(cluster.api.snapshot.one(Pod.self, "other")?.metadata.ownerReferences == [])

            try await cluster.change(Pod.self, "stray") { $0.metadata.labels["app"] = "debugged" }
            try await cluster.api.until("let go and made up for") { snapshot in
                snapshot.one(Pod.self, "stray")?.metadata.ownerReferences.isEmpty == true
                    && snapshot.one(ReplicaSet.self, "web")?.status.readyReplicas == 2
            }
            #expect(cluster.api.snapshot.one(Pod.self, "stray")?.metadata.uid == stray.metadata.uid)
            #expect(cluster.api.snapshot.all(Pod.self).count == 4)
        }
    }

    @Test func refusedPodsAreReportedAndTriedAgain() async throws {
        try await ControllerTestbed.run { cluster in
            let refusing = Mutex(true)
            cluster.api.refuse { request in
                guard request.verb == .create, request.resource == "pods", request.subresource.isEmpty,
                    refusing.withLock({ $0 })
                else { return nil }
                return APIError(code: 403, reason: .forbidden, message: "exceeded quota")
            }
            _ = try await cluster.client.create(Sample.replicaSet(replicas: 100))
            try await cluster.api.until("the failure is reported") { snapshot in
                let condition = snapshot.one(ReplicaSet.self, "web")?.status.conditions.first
                return condition?.type == .replicaFailure && condition?.reason == "FailedCreate"
                    && condition?.message == "exceeded quota"
                    && snapshot.all(Event.self).contains {
                        $0.reason == "FailedCreate" && $0.message == "Error creating: exceeded quota"
                    }
            }
            // One refusal is enough to know: not a hundred requests.
            let asked = cluster.api.requests.count { $0.verb == .create && $0.resource == "pods" }
            #expect(asked < 20)
            refusing.withLock { $0 = false }
            try await cluster.api.until("all there, and no failure") { snapshot in
                snapshot.one(ReplicaSet.self, "web")?.status.replicas == 100
                    && snapshot.one(ReplicaSet.self, "web")?.status.conditions.isEmpty == true
            }
        }
    }

    @Test func minReadySecondsDelayAvailability() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            var set = Sample.replicaSet(replicas: 1)
            set.spec.minReadySeconds = 30
            _ = try await cluster.client.create(set)
            try await cluster.api.until("ready, not available") { snapshot in
                let status = snapshot.one(ReplicaSet.self, "web")?.status
                return status?.readyReplicas == 1 && status?.availableReplicas == 0
            }
            clock.advance(by: .seconds(29))
            #expect(cluster.api.snapshot.one(ReplicaSet.self, "web")?.status.availableReplicas == 0)
            clock.advance(by: .seconds(2))
            try await cluster.api.until("available") {
                $0.one(ReplicaSet.self, "web")?.status.availableReplicas == 1
            }
        }
    }
}

@Suite struct PodDeletionOrderTests {
    private static let now = Timestamp(seconds: 1_000_000)

    private func pod(
        _ name: String, node: String = "n", phase: PodPhase = .running, readyFor: Int64? = 1000, age: Int64 = 1000,
        restarts: Int32 = 0, cost: String? = nil
    ) -> Pod {
        var pod = Sample.pod(name, node: node)
        pod.metadata.uid = name
        pod.metadata.creationTimestamp = Timestamp(seconds: Self.now.seconds - age)
        pod.metadata.annotations[PodDeletionOrder.costAnnotation] = cost
        pod.status.phase = phase
        if let readyFor {
            pod = FakeKubelet.running(pod, ready: true, at: Timestamp(seconds: Self.now.seconds - readyFor))
            pod.status.phase = phase
        }
        var status = ContainerStatus()
        status.restartCount = restarts
        pod.status.containerStatuses = [status]
        return pod
    }

    /// Each pair differs in one thing; the first goes first. Names are against it, so that the uid does not decide.
    @Test func theFirstOfEachPairGoesFirst() {
        let pairs: [(String, Pod, Pod)] = [
            ("unassigned before assigned", pod("z", node: ""), pod("a")),
            ("pending before running", pod("z", phase: .pending), pod("a")),
            ("not ready before ready", pod("z", readyFor: nil), pod("a")),
            ("cheap before dear", pod("z", cost: "-1"), pod("a")),
            ("ready for less time", pod("z", readyFor: 10), pod("a")),
            ("more restarts", pod("z", restarts: 3), pod("a", restarts: 1)),
            ("younger", pod("z", age: 10), pod("a")),
            ("phase before readiness", pod("z", phase: .pending, readyFor: 1000), pod("a", readyFor: nil)),
            ("readiness before cost", pod("z", readyFor: nil, cost: "5"), pod("a", cost: "-5")),
            ("same order of magnitude: by uid", pod("a", readyFor: 1001), pod("z", readyFor: 1000)),
        ]
        for (what, first, second) in pairs {
            let order = PodDeletionOrder(related: [first, second], now: Self.now)
            #expect(
                order.sorted([second, first]).map(\.metadata.name) == [first, second].map(\.metadata.name), "\(what)")
        }
    }

    @Test func aNodeWithManyGivesOneUp() {
        let pods = [pod("a", node: "one"), pod("z", node: "two"), pod("y", node: "two")]
        #expect(PodDeletionOrder(related: pods, now: Self.now).sorted(pods).last?.metadata.name == "a")
    }
}
