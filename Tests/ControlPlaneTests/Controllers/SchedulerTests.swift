import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite struct SchedulingDecisionTests {
    private func view(_ nodes: [Node]) -> ClusterView {
        var view = ClusterView()
        for node in nodes { view.set(node) }
        return view
    }

    private func pod(_ name: String = "p", cpu: Quantity? = nil, memory: Quantity? = nil) -> Pod {
        var pod = Sample.pod(name)
        pod.metadata.uid = name
        if let cpu { pod.spec.containers[0].resources.requests["cpu"] = cpu }
        if let memory { pod.spec.containers[0].resources.requests["memory"] = memory }
        return pod
    }

    private func message(_ pod: Pod, _ nodes: [Node]) -> String? {
        var view = view(nodes)
        guard case .failure(let misfit) = view.schedule(pod) else { return nil }
        return misfit.message
    }

    private func pod(_ name: String, cpu: Quantity, priority: Int32, since: Int64 = 0) -> Pod {
        var pod = pod(name, cpu: cpu)
        pod.spec.priority = priority
        pod.status.startTime = Timestamp(seconds: since)
        return pod
    }

    /// The names of those that go for a pod, after the node's; nil where nobody does.
    private func preemption(_ view: ClusterView, _ pod: Pod) -> [String]? {
        var view = view
        guard case .failure(let misfit) = view.schedule(pod), let found = misfit.preemption else { return nil }
        #expect(misfit.nominatedNode == found.node)
        return [found.node] + found.victims.map(\.key.name)
    }

    @Test func theLeastImportantGoForOneThatFitsNowhere() {
        var view = view([Sample.node("small", cpu: "2"), Sample.node("large", cpu: "4")])
        view.place(pod("a", cpu: "1500m", priority: 5), on: "small")
        view.place(pod("b", cpu: "2", priority: 1, since: 10), on: "large")
        view.place(pod("c", cpu: "1", priority: 1, since: 20), on: "large")
        view.place(pod("d", cpu: "1", priority: 100), on: "large")
        // The younger of equals, on the node whose victims are the least important.
        #expect(preemption(view, pod("x", cpu: "1", priority: 50)) == ["large", "c"])
        #expect(preemption(view, pod("x", cpu: "2", priority: 50)) == ["large", "b"])
        #expect(preemption(view, pod("x", cpu: "3", priority: 50)) == ["large", "b", "c"])
        // Nobody goes for an equal, for nothing, or for one that is too polite.
        #expect(preemption(view, pod("x", cpu: "1", priority: 1)) == nil)
        #expect(preemption(view, pod("x", cpu: "4", priority: 50)) == nil)
        var polite = pod("x", cpu: "1", priority: 50)
        polite.spec.preemptionPolicy = .never
        #expect(preemption(view, polite) == nil)
    }

    @Test func theRoomThatIsMadeIsPromised() throws {
        var view = view([Sample.node(cpu: "2")])
        view.place(pod("low", cpu: "2", priority: 1), on: "node")
        let high = pod("high", cpu: "1", priority: 50)
        let first = try #require(misfit(high, &view))
        #expect(first.preemption?.victims.map(\.key.name) == ["low"])
        var going = pod("low", cpu: "2", priority: 1)
        going.metadata.deletionTimestamp = Timestamp(seconds: 1)
        view.place(going, on: "node")
        // It waits for the one that is going and asks for no more.
        let second = try #require(misfit(high, &view))
        #expect(second.preemption == nil && second.nominatedNode == "node")
        #expect(second.message.contains("not eligible due to a terminating pod on the nominated node"))
        view.withdraw(going.key)
        // What is less important gets the rest only.
        #expect(misfit(pod("late", cpu: "1500m", priority: 1), &view) != nil)
        #expect(misfit(pod("tiny", cpu: "500m", priority: 1), &view) == nil)
        #expect(misfit(high, &view) == nil)
    }

    /// Nil where the pod has found a node.
    private func misfit(_ pod: Pod, _ view: inout ClusterView) -> ClusterView.Misfit? {
        guard case .failure(let misfit) = view.schedule(pod) else { return nil }
        return misfit
    }

    @Test func theReasonsAreTheSchedulers() {
        #expect(message(pod(), []) == "no nodes available to schedule pods")
        #expect(
            message(pod(memory: "9Gi"), [Sample.node()])
                == Self.told("1 Insufficient memory", "1 Preemption is not helpful for scheduling"))
        #expect(
            message(pod(cpu: "4001m", memory: "9Gi"), [Sample.node()])
                == Self.told(
                    "1 Insufficient cpu, 1 Insufficient memory", "1 Preemption is not helpful for scheduling"))
        var storage = pod()
        storage.spec.containers[0].resources.requests["ephemeral-storage"] = "1Ti"
        #expect(
            message(storage, [Sample.node()])
                == Self.told("1 Insufficient ephemeral-storage", "1 Preemption is not helpful for scheduling"))
        #expect(
            message(pod(), [Sample.node(pods: "0")])
                == Self.told("1 Too many pods", "1 No preemption victims found for incoming pod"))
        var polite = pod(memory: "9Gi")
        polite.spec.preemptionPolicy = .never
        #expect(
            message(polite, [Sample.node()])
                == "0/1 nodes are available: 1 Insufficient memory. preemption: not eligible due to "
                + "preemptionPolicy=Never.")

        var cordoned = Sample.node("cordoned")
        cordoned.spec.unschedulable = true
        #expect(
            message(pod(), [cordoned])
                == Self.told("1 node(s) were unschedulable", "1 Preemption is not helpful for scheduling"))
        var tainted = Sample.node("tainted")
        tainted.spec.taints = [Taint()]
        tainted.spec.taints[0].key = "dedicated"
        tainted.spec.taints[0].value = "db"
        tainted.spec.taints[0].effect = .noSchedule
        #expect(
            message(pod(), [tainted, cordoned])
                == Self.told(
                    "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable",
                    "2 Preemption is not helpful for scheduling", of: 2))
        var selective = pod()
        selective.spec.nodeSelector = ["disk": "ssd"]
        #expect(
            message(selective, [Sample.node()])
                == Self.told(
                    "1 node(s) didn't match Pod's node affinity/selector", "1 Preemption is not helpful for scheduling"
                ))
    }

    private static func told(_ reasons: String, _ preemption: String, of nodes: Int = 1) -> String {
        "0/\(nodes) nodes are available: \(reasons). preemption: 0/\(nodes) nodes are available: \(preemption)."
    }

    @Test func aResizeIsCountedWithTheLargest() {
        var view = view([Sample.node()])
        var first = pod("first", cpu: "3")
        let chosen = view.schedule(first)
        #expect(chosen == .success("node"))
        // The node keeps giving it three until it has got it down to one.
        first.spec.containers[0].resources.requests["cpu"] = "1"
        var status = ContainerStatus()
        status.name = first.spec.containers[0].name
        status.allocatedResources = ["cpu": "3"]
        first.status.containerStatuses = [status]
        let early = view.place(first, on: "node")
        #expect(!early && view.usage(ofNode: "node").requests["cpu"] == 3000)
        first.status.containerStatuses[0].allocatedResources = ["cpu": "1"]
        let madeRoom = view.place(first, on: "node")
        #expect(madeRoom && view.usage(ofNode: "node").requests["cpu"] == 1000)
        #expect(view.usage(ofNode: "node").pods == 1)
        let second = view.schedule(pod("second", cpu: "3"))
        #expect(second == .success("node"))
    }

    @Test func tolerationsLetIn() {
        var node = Sample.node()
        node.spec.taints = [Taint()]
        node.spec.taints[0].key = "dedicated"
        node.spec.taints[0].value = "db"
        node.spec.taints[0].effect = .noSchedule
        func fits(_ change: (inout Toleration) -> Void) -> Bool {
            var pod = pod()
            var toleration = Toleration()
            change(&toleration)
            pod.spec.tolerations = [toleration]
            return message(pod, [node]) == nil
        }
        #expect(fits { $0.operator = .exists })
        #expect(fits { ($0.key, $0.operator) = ("dedicated", .exists) })
        #expect(fits { ($0.key, $0.value, $0.effect) = ("dedicated", "db", .noSchedule) })
        #expect(!fits { ($0.key, $0.value) = ("dedicated", "web") })
        #expect(!fits { ($0.key, $0.operator, $0.effect) = ("dedicated", .exists, .noExecute) })
        node.spec.taints[0].effect = .preferNoSchedule
        #expect(fits { $0.key = "other" })
    }

    @Test func whatIsTakenCountsUntilItIsGivenBack() {
        var view = view([Sample.node()])
        let first = pod("first", cpu: "3")
        let second = pod("second", cpu: "2")
        let firstChoice = view.schedule(first)
        #expect(firstChoice == .success("node"))
        let secondChoice = view.schedule(second)
        #expect(
            secondChoice
                == .failure(
                    .init(
                        message: Self.told(
                            "1 Insufficient cpu", "1 No preemption victims found for incoming pod"))))
        // Told again by the watch: counted once.
        view.place(first, on: "node")
        #expect(view.usage(ofNode: "node").pods == 1)
        let given = [view.withdraw(first.key), view.withdraw(first.key)]
        #expect(given == [true, false])
        let thirdChoice = view.schedule(second)
        #expect(thirdChoice == .success("node"))
    }

    @Test func hostPortsAreTakenOnce() {
        var view = view([Sample.node()])
        var first = pod("first")
        first.spec.containers[0].ports = [ContainerPort()]
        first.spec.containers[0].ports[0].hostPort = 80
        var second = first
        second.metadata.name = "second"
        let choice = view.schedule(first)
        #expect(choice == .success("node"))
        guard case .failure(let misfit) = view.schedule(second) else { Issue.record("80 twice"); return }
        #expect(misfit.message.contains("didn't have free ports for the requested pod ports"))
    }

    @Test func theNodeWithMoreRoomIsTaken() {
        var view = view([Sample.node("a"), Sample.node("b")])
        view.place(pod("big", cpu: "3"), on: "a")
        let choice = view.schedule(pod("next", cpu: "1"))
        #expect(choice == .success("b"))
    }

    @Test func requiredNodeAffinityIsMet() {
        func fits(_ op: NodeSelectorOperator, _ values: [String]) -> Bool {
            var node = Sample.node()
            node.metadata.labels["size"] = "5"
            var requirement = NodeSelectorRequirement()
            requirement.key = "size"
            requirement.operator = op
            requirement.values = values
            var term = NodeSelectorTerm()
            term.matchExpressions = [requirement]
            var selector = NodeSelector()
            selector.nodeSelectorTerms = [term]
            var affinity = NodeAffinity()
            affinity.requiredDuringSchedulingIgnoredDuringExecution = selector
            var pod = pod()
            pod.spec.affinity = Affinity()
            pod.spec.affinity?.nodeAffinity = affinity
            return message(pod, [node]) == nil
        }
        #expect(fits(.in, ["4", "5"]))
        #expect(!fits(.notIn, ["5"]))
        #expect(fits(.exists, []))
        #expect(!fits(.doesNotExist, []))
        #expect(fits(.gt, ["4"]))
        #expect(!fits(.lt, ["5"]))
    }
}

@Suite(.timeLimit(.minutes(1))) struct SchedulerTests {
    @Test func aPodWithoutRoomWaitsAndIsTold() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            var pod = Sample.pod("big")
            pod.spec.containers[0].resources.requests["memory"] = "6Gi"
            _ = try await cluster.client.create(pod)
            try await cluster.api.until("bound") { $0.one(Pod.self, "big")?.spec.nodeName == "node" }
            pod.metadata.name = "second"
            _ = try await cluster.client.create(pod)
            try await cluster.api.until("told") { snapshot in
                let condition = snapshot.one(Pod.self, "second")?.status.conditions.first { $0.type == .podScheduled }
                return condition?.status == .false && condition?.reason == "Unschedulable"
                    && condition?.message
                        == "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: "
                        + "1 No preemption victims found for incoming pod."
                    && snapshot.all(Event.self).contains {
                        $0.reason == "FailedScheduling" && $0.type == "Warning"
                            && $0.source.component == "default-scheduler"
                    }
            }
            // Room is made, and the first back-off passes.
            var options = DeleteOptions()
            options.gracePeriodSeconds = 0
            try await cluster.client.delete(Pod.self, "big", namespace: "default", options: options)
            clock.advance(by: .seconds(2))
            try await cluster.api.until("bound") { $0.one(Pod.self, "second")?.spec.nodeName == "node" }
        }
    }

    @Test func roomGoesToTheMostImportantAndThenToTheOldest() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            func make(_ name: String, priority: Int32) async throws {
                var pod = Sample.pod(name)
                pod.spec.priority = priority
                pod.spec.preemptionPolicy = .never
                pod.spec.containers[0].resources.requests["cpu"] = "3"
                _ = try await cluster.client.create(pod)
            }
            try await make("present", priority: 0)
            try await cluster.api.until("the first is bound") { $0.one(Pod.self, "present")?.spec.nodeName == "node" }
            // Not in their order; those of the same priority a second apart.
            let order = ["highest", "middle-old", "middle-young", "low-old", "low-young"]
            for (name, priority) in [
                ("low-old", 1), ("middle-old", 5), ("highest", 100), ("low-young", 1), ("middle-young", 5),
            ] as [(String, Int32)] {
                try await make(name, priority: priority)
                try await cluster.api.until("\(name) is told") {
                    $0.one(Pod.self, name)?.status.conditions.contains { $0.type == .podScheduled } == true
                }
                clock.advance(by: .seconds(1))
            }
            var going = "present"
            var options = DeleteOptions()
            options.gracePeriodSeconds = 0
            for (index, name) in order.enumerated() {
                // Nobody is in a back-off when there is room again: all were tried, and each try is told of.
                let waiting = order[index...]
                try await cluster.api.until("all were tried") { snapshot in
                    let tries = snapshot.all(Event.self).filter { $0.reason == "FailedScheduling" }
                    return waiting.allSatisfy { name in
                        tries.filter { $0.involvedObject.name == name }.reduce(0) { $0 + $1.count } > index
                    }
                }
                clock.advance(by: .seconds(20))
                try await cluster.client.delete(Pod.self, going, namespace: "default", options: options)
                try await cluster.api.until("\(name) is bound") { $0.one(Pod.self, name)?.spec.nodeName == "node" }
                let bound = cluster.api.snapshot.all(Pod.self).filter { !$0.spec.nodeName.isEmpty }
                #expect(bound.map(\.metadata.name) == [name])
                going = name
            }
        }
    }

    @Test func aNodeThatComesLaterIsUsed() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            var pod = Sample.pod("picky")
            pod.spec.nodeSelector = ["disk": "ssd"]
            _ = try await cluster.client.create(pod)
            try await cluster.api.until("told") {
                !($0.one(Pod.self, "picky")?.status.conditions.isEmpty ?? true)
            }
            var node = Sample.node("late")
            node.metadata.labels["disk"] = "ssd"
            _ = try await cluster.client.create(node)
            clock.advance(by: .seconds(2))
            try await cluster.api.until("bound") { $0.one(Pod.self, "picky")?.spec.nodeName == "late" }
        }
    }

    @Test func othersPodsAreLeftAlone() async throws {
        try await ControllerTestbed.run { cluster in
            var theirs = Sample.pod("theirs")
            theirs.spec.schedulerName = "other"
            _ = try await cluster.client.create(theirs)
            var gated = Sample.pod("gated")
            gated.spec.schedulingGates = [PodSchedulingGate()]
            _ = try await cluster.client.create(gated)
            _ = try await cluster.client.create(Sample.pod("ours"))
            try await cluster.api.until("bound") { $0.one(Pod.self, "ours")?.spec.nodeName == "node" }
            #expect(cluster.api.snapshot.one(Pod.self, "theirs")?.spec.nodeName == "")
            #expect(cluster.api.snapshot.one(Pod.self, "gated")?.spec.nodeName == "")
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct PreemptionTests {
    @Test func aPodMakesRoomForAMoreImportantOne() async throws {
        try await ControllerTestbed.run { cluster in
            func pod(_ name: String, priority: Int32) -> Pod {
                var pod = Sample.pod(name)
                pod.spec.priority = priority
                pod.spec.containers[0].resources.requests["cpu"] = "3"
                return pod
            }
            _ = try await cluster.client.create(pod("low", priority: 1))
            try await cluster.api.until("the first runs") { $0.one(Pod.self, "low")?.isReady == true }
            _ = try await cluster.client.create(pod("high", priority: 1000))
            try await cluster.api.until("the second runs in its place") { snapshot in
                snapshot.one(Pod.self, "high")?.isReady == true && snapshot.one(Pod.self, "low") == nil
            }
            #expect(cluster.api.snapshot.one(Pod.self, "high")?.status.nominatedNodeName == "node")
            try await cluster.api.until("it is told") { snapshot in
                snapshot.all(Event.self).contains {
                    $0.reason == "Preempted" && $0.involvedObject.name == "low"
                        && $0.message.hasPrefix("Preempted by pod ") && $0.message.hasSuffix(" on node node")
                }
            }
            #expect(
                cluster.api.requests.contains {
                    $0.verb == .patch && $0.subresource == "status" && $0.name == "low"
                        && $0.body?[path: "status", "conditions"]?.arrayValue?.first?["reason"]
                            == "PreemptionByScheduler"
                })
        }
    }
}
