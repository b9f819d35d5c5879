import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite(.timeLimit(.minutes(1))) struct GarbageCollectorTests {
    private func delete(_ policy: DeletionPropagation) -> DeleteOptions {
        var options = DeleteOptions()
        options.propagationPolicy = policy
        return options
    }

    @Test func whatADeploymentOwnsGoesWithIt() async throws {
        try await ControllerTestbed.run { [self] cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            try await cluster.client.delete(
                Deployment.self, "web", namespace: "default", options: delete(.background))
            try await cluster.api.until("nothing left") { snapshot in
                snapshot.all(ReplicaSet.self).isEmpty && snapshot.all(Pod.self).isEmpty
            }
        }
    }

    @Test func inTheForegroundTheOwnerGoesLast() async throws {
        try await ControllerTestbed.run { [self] cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            cluster.api.observe { snapshot in
                if snapshot.all(Deployment.self).isEmpty {
                    #expect(snapshot.all(ReplicaSet.self).isEmpty)
                    #expect(snapshot.all(Pod.self).isEmpty)
                }
            }
            try await cluster.client.delete(
                Deployment.self, "web", namespace: "default", options: delete(.foreground))
            try await cluster.api.until("nothing left") { $0.all(Deployment.self).isEmpty }
        }
    }

    @Test func orphansStayAndAreFree() async throws {
        try await ControllerTestbed.run { [self] cluster in
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            try await cluster.client.delete(Deployment.self, "web", namespace: "default", options: delete(.orphan))
            try await cluster.api.until("the deployment is gone") { $0.all(Deployment.self).isEmpty }
            let set = try #require(cluster.api.snapshot.all(ReplicaSet.self).first)
            #expect(set.metadata.ownerReferences.isEmpty)
            #expect(cluster.api.snapshot.all(Pod.self).count == 3)
            // A new deployment takes them over as they are.
            let pods = Set(cluster.api.snapshot.all(Pod.self).map(\.metadata.uid))
            _ = try await cluster.client.create(Sample.deployment())
            try await cluster.untilComplete()
            #expect(Set(cluster.api.snapshot.all(Pod.self).map(\.metadata.uid)) == pods)
        }
    }

    @Test func aReferenceToNobodyMeansTheEnd() async throws {
        try await ControllerTestbed.run { cluster in
            var map = ConfigMap()
            map.metadata.name = "left-over"
            map.metadata.namespace = "default"
            map.metadata.ownerReferences = [Sample.deployment("never-was").controllerReference]
            map.metadata.ownerReferences[0].uid = "unheard-of"
            _ = try await cluster.client.create(map)
            try await cluster.api.until("gone") { $0.all(ConfigMap.self).isEmpty }
        }
    }

    @Test func ofTwoOwnersOneIsEnough() async throws {
        try await ControllerTestbed.run { cluster in
            var owner = ConfigMap()
            owner.metadata.namespace = "default"
            owner.metadata.name = "first"
            let first = try await cluster.client.create(owner)
            owner.metadata.name = "second"
            let second = try await cluster.client.create(owner)
            owner.metadata.name = "owned"
            owner.metadata.ownerReferences = [first.controllerReference, second.controllerReference]
            owner.metadata.ownerReferences[1].controller = nil
            _ = try await cluster.client.create(owner)
            try await cluster.client.delete(ConfigMap.self, "first", namespace: "default")
            try await cluster.api.until("the reference is dropped") { snapshot in
                snapshot.one(ConfigMap.self, "owned")?.metadata.ownerReferences.map(\.name) == ["second"]
            }
            try await cluster.client.delete(ConfigMap.self, "second", namespace: "default")
            try await cluster.api.until("gone") { $0.all(ConfigMap.self).isEmpty }
        }
    }

    private func map(_ name: String, in namespace: String = "default", owners: [OwnerReference] = []) -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = namespace
        map.metadata.ownerReferences = owners
        return map
    }

    private func reference(to owner: some KubernetesObject, blocks: Bool? = nil) -> OwnerReference {
        var reference = owner.controllerReference
        reference.controller = nil
        reference.blockOwnerDeletion = blocks
        return reference
    }

    @Test func anOwnerOfAnotherNamespaceIsNone() async throws {
        try await ControllerTestbed.run { [self] cluster in
            let owner = try await cluster.client.create(map("owner", in: "other"))
            let reference = reference(to: owner)
            _ = try await cluster.client.create(map("owned", owners: [reference]))
            try await cluster.api.until("collected, and told why") { snapshot in
                snapshot.one(ConfigMap.self, "owned") == nil
                    && snapshot.all(Event.self).contains {
                        $0.reason == "OwnerRefInvalidNamespace" && $0.type == "Warning"
                            && $0.involvedObject.name == "owned" && $0.involvedObject.kind == "ConfigMap"
                            && $0.source.component == "garbage-collector-controller"
                            && $0.message
                                == "ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: \(reference.uid)] "
                                + "does not exist in namespace \"default\""
                    }
            }
            #expect(cluster.api.snapshot.one(ConfigMap.self, "owner", "other") != nil)
        }
    }

    @Test func whatIsOfTheClusterCannotBeOwnedByWhatIsNot() async throws {
        try await ControllerTestbed.run { [self] cluster in
            let owner = try await cluster.client.create(map("owner"))
            var role = ClusterRole()
            role.metadata.name = "owned"
            role.metadata.ownerReferences = [reference(to: owner)]
            _ = try await cluster.client.create(role)
            try await cluster.api.until("told") { snapshot in
                snapshot.all(Event.self).contains {
                    $0.reason == "OwnerRefInvalidNamespace" && $0.involvedObject.name == "owned"
                        && $0.involvedObject.kind == "ClusterRole" && $0.message.hasSuffix("in namespace \"\"")
                }
            }
            // Where the owner would be cannot be said, so that it is gone cannot either.
            try await cluster.client.delete(ConfigMap.self, "owner", namespace: "default")
            let probe = try await cluster.client.create(map("probe", owners: role.metadata.ownerReferences))
            try await cluster.api.until("the probe is collected") { $0.one(ConfigMap.self, probe.metadata.name) == nil }
            #expect(cluster.api.snapshot.one(ClusterRole.self, "owned", "") != nil)
            // The other way round is as it should be.
            _ = try await cluster.client.create(
                map("of-role", owners: [reference(to: try await cluster.client.get(ClusterRole.self, "owned"))]))
            try await cluster.client.delete(ClusterRole.self, "owned")
            try await cluster.api.until("gone") { $0.one(ConfigMap.self, "of-role") == nil }
        }
    }

    @Test func ofAKindThatIsNotServedNobodySaysThatItIsGone() async throws {
        try await ControllerTestbed.run { [self] cluster in
            var unserved = OwnerReference()
            (unserved.apiVersion, unserved.kind, unserved.name, unserved.uid) = ("batch/v1", "Job", "j", "job")
            var unheard = unserved
            (unheard.apiVersion, unheard.uid) = ("example.com/v1", "example")
            _ = try await cluster.client.create(map("of-job", owners: [unserved]))
            _ = try await cluster.client.create(map("of-example", owners: [unheard]))
            let gone = Sample.deployment("never-was")
            var dangling = reference(to: gone)
            dangling.uid = "nobody"
            _ = try await cluster.client.create(map("probe", owners: [dangling]))
            try await cluster.api.until("the probe is collected") { $0.one(ConfigMap.self, "probe") == nil }
            let names = Set(cluster.api.snapshot.all(ConfigMap.self).map(\.metadata.name))
            #expect(names == ["of-job", "of-example"])
        }
    }

    @Test func aNamesakeIsNotTheOwner() async throws {
        try await ControllerTestbed.run { [self] cluster in
            let first = try await cluster.client.create(map("owner"))
            try await cluster.client.delete(ConfigMap.self, "owner", namespace: "default")
            let second = try await cluster.client.create(map("owner"))
            #expect(first.metadata.uid != second.metadata.uid)
            _ = try await cluster.client.create(map("of-first", owners: [reference(to: first)]))
            _ = try await cluster.client.create(map("of-second", owners: [reference(to: second)]))
            try await cluster.api.until("collected") { $0.one(ConfigMap.self, "of-first") == nil }
            #expect(cluster.api.snapshot.one(ConfigMap.self, "of-second") != nil)
            // A dependent made anew under the name of one that is to go stays, too.
            let checks = cluster.api.requests.filter { $0.verb == .delete && $0.name == "of-first" }
            #expect(checks.allSatisfy { $0.body?[path: "preconditions", "uid"] != nil } && !checks.isEmpty)
        }
    }

    @Test func onlyThoseThatBlockAreWaitedFor() async throws {
        try await ControllerTestbed.run { [self] cluster in
            let owner = try await cluster.client.create(map("owner"))
            var blocking = map("blocking", owners: [reference(to: owner, blocks: true)])
            blocking.metadata.finalizers = ["example.com/hold"]
            _ = try await cluster.client.create(blocking)
            var free = map("free", owners: [reference(to: owner, blocks: false)])
            free.metadata.finalizers = ["example.com/hold"]
            _ = try await cluster.client.create(free)
            try await cluster.client.delete(ConfigMap.self, "owner", namespace: "default", options: delete(.foreground))
            try await cluster.api.until("both are being deleted") { snapshot in
                ["blocking", "free"].allSatisfy {
                    snapshot.one(ConfigMap.self, $0)?.metadata.deletionTimestamp != nil
                }
            }
            let waiting = try #require(cluster.api.snapshot.one(ConfigMap.self, "owner"))
            #expect(waiting.metadata.finalizers == ["foregroundDeletion"])
            try await cluster.change(ConfigMap.self, "blocking") { $0.metadata.finalizers = [] }
            try await cluster.api.until("the owner is gone") { $0.one(ConfigMap.self, "owner") == nil }
            #expect(cluster.api.snapshot.one(ConfigMap.self, "free") != nil)
        }
    }

    @Test func verdicts() {
        func reference(_ uid: String) -> OwnerReference {
            var reference = OwnerReference()
            reference.uid = uid
            return reference
        }
        func verdict(
            _ states: [DependentVerdict.OwnerState], finalizers: [String] = [], hasDependents: Bool = false
        ) -> DependentVerdict {
            var object = ObjectMeta()
            object.finalizers = finalizers
            let owners = states.enumerated().map { (reference: reference("\($0.offset)"), state: $0.element) }
            return DependentVerdict(of: object, owners: owners, hasDependents: hasDependents)
        }
        #expect(verdict([]) == .keep)
        #expect(verdict([.solid, .solid]) == .keep)
        #expect(verdict([.solid, .absent]) == .dropReferences(keep: [reference("0")]))
        #expect(verdict([.waiting, .solid]) == .dropReferences(keep: [reference("1")]))
        #expect(verdict([.absent]) == .delete(.background))
        #expect(verdict([.waiting]) == .delete(.background))
        #expect(verdict([.waiting], hasDependents: true) == .delete(.foreground))
        #expect(verdict([.absent], finalizers: ["orphan"]) == .delete(.orphan))
        #expect(verdict([.absent], finalizers: ["foregroundDeletion"]) == .delete(.foreground))
    }
}

@Suite(.timeLimit(.minutes(1))) struct NamespaceTests {
    private func namespace(_ name: String) -> Namespace {
        var namespace = Namespace()
        namespace.metadata.name = name
        return namespace
    }

    @Test func eachGetsWhatPodsRelyOn() async throws {
        try await ControllerTestbed.run(rootCertificate: "PEM") { [self] cluster in
            _ = try await cluster.client.create(namespace("blue"))
            try await cluster.api.until("furnished") { snapshot in
                snapshot.one(ServiceAccount.self, "default", "blue") != nil
                    && snapshot.one(ConfigMap.self, "kube-root-ca.crt", "blue")?.data == ["ca.crt": "PEM"]
            }
            // And again where somebody takes it away or changes it.
            try await cluster.client.delete(ServiceAccount.self, "default", namespace: "blue")
            try await cluster.api.until("made anew") { $0.one(ServiceAccount.self, "default", "blue") != nil }
            var map = try await cluster.client.get(ConfigMap.self, "kube-root-ca.crt", namespace: "blue")
            map.data = [:]
            _ = try await cluster.client.update(map)
            try await cluster.api.until("put right") {
                $0.one(ConfigMap.self, "kube-root-ca.crt", "blue")?.data == ["ca.crt": "PEM"]
            }
        }
    }

    @Test func deletionTakesTheContentAlong() async throws {
        try await ControllerTestbed.run { [self] cluster in
            _ = try await cluster.client.create(namespace("blue"))
            try await cluster.api.until("furnished") { $0.one(ServiceAccount.self, "default", "blue") != nil }
            var deployment = Sample.deployment()
            deployment.metadata.namespace = "blue"
            _ = try await cluster.client.create(deployment)
            var held = ConfigMap()
            held.metadata.name = "held"
            held.metadata.namespace = "blue"
            held.metadata.finalizers = ["example.com/hold"]
            _ = try await cluster.client.create(held)
            try await cluster.api.until("pods") { $0.all(Pod.self).count(where: \.isReady) == 3 }

            try await cluster.client.delete(Namespace.self, "blue")
            try await cluster.api.until("only what is held is left, and the namespace says so") { snapshot in
                let status = snapshot.one(Namespace.self, "blue", "")?.status
                func message(_ type: NamespaceConditionType) -> String? {
                    status?.conditions.first { $0.type == type && $0.status == .true }?.message
                }
                return status?.phase == .terminating && snapshot.all(Pod.self).isEmpty
                    && message(.namespaceContentRemaining)
                        == "Some resources are remaining: configmaps has 1 resource instances"
                    && message(.namespaceFinalizersRemaining)
                        == "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
            }
            var fresh = try await cluster.client.get(ConfigMap.self, "held", namespace: "blue")
            fresh.metadata.finalizers = []
            _ = try await cluster.client.update(fresh)
            try await cluster.api.until("gone") { $0.one(Namespace.self, "blue", "") == nil }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct NodeLifecycleTests {
    @Test func aSilentNodeIsUnknownUntilItIsHeardAgain() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource, nodeGracePeriod: .seconds(40)) { cluster in
            var lease = Lease()
            lease.metadata.name = "node"
            lease.metadata.namespace = "kube-node-lease"
            _ = try await cluster.client.create(lease)
            _ = try await cluster.client.create(Sample.pod("p"))
            try await cluster.api.until("ready") { $0.one(Pod.self, "p")?.isReady == true }
            // Heard in time, however long it has been up.
            clock.advance(by: .seconds(30))
            _ = try await cluster.client.patch(
                Lease.self, "node", namespace: "kube-node-lease", .merge, ["spec": ["holderIdentity": "node"]])
            let advancing = Task {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(5))
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await cluster.api.until("unknown") { snapshot in
                guard let node = snapshot.one(Node.self, "node", "") else { return false }
                return node.status.conditions.contains {
                    $0.type == .ready && $0.status == .unknown && $0.reason == "NodeStatusUnknown"
                } && node.spec.taints.contains { $0.key == NodeHealth.unreachableTaint && $0.effect == .noSchedule }
            }
            advancing.cancel()
            #expect(clock.now.offset >= .seconds(30 + 40 + 10))
            // Its pods are the agent's.
            #expect(cluster.api.snapshot.one(Pod.self, "p")?.isReady == true)
            var node = try await cluster.client.get(Node.self, "node")
            node.status = Sample.node().status
            _ = try await cluster.client.updateStatus(node)
            try await cluster.api.until("no taint") { $0.one(Node.self, "node", "")?.spec.taints.isEmpty == true }
        }
    }

    @Test func podsOfANodeThatIsGoneGo() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            _ = try await cluster.client.create(Sample.pod("p"))
            try await cluster.api.until("ready") { $0.one(Pod.self, "p")?.isReady == true }
            try await cluster.client.delete(Node.self, "node")
            // Advanced until the removal was seen and its quarantine is over.
            let advancing = Task {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(41))
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            defer { advancing.cancel() }
            try await cluster.api.until("gone") { $0.all(Pod.self).isEmpty }
        }
    }
}
