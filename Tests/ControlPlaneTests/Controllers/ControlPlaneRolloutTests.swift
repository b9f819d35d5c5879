import KubernetesAPI
import Logging
import Testing

@testable import ControlPlane

/// The same controllers where they really run: inside a control plane with its store, its defaults and its rules.
@Suite(.timeLimit(.minutes(2))) struct ControlPlaneRolloutTests {
    /// Runs a control plane with a node that answers for its pods.
    private func withNode(_ body: @escaping @Sendable (APIClient) async throws -> Void) async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let node = try await client.create(Sample.node())
            var status = node
            status.status = Sample.node().status
            _ = try await client.updateStatus(status)
            let kubelet = FakeKubelet(client: client, time: .system)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await kubelet.run() }
                try await body(client)
                group.cancelAll()
            }
        }
    }

    /// Waits until the objects of a type are as they should be. Throws after thirty seconds.
    private func until<Object: KubernetesObject>(
        _ type: Object.Type, _ client: APIClient, _ what: String,
        _ condition: @escaping @Sendable ([Object]) -> Bool
    ) async throws {
        let informer = Informer(type, client: client)
        let holds = Gate()
        informer.onChange { [unowned informer] _ in if condition(informer.cache.all) { holds.open() } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask {
                try await Task.sleep(for: .seconds(30))
                throw FakeAPI.Timeout(what: what)
            }
            defer { group.cancelAll() }
            // The informer ends with the group only: the first to end is the gate or the time-out.
            group.addTask { try await holds.wait() }
            try await group.next()
        }
    }

    private func untilComplete(_ client: APIClient, image: String, replicas: Int) async throws {
        try await until(Deployment.self, client, "\(image) is rolled out") { deployments in
            deployments.contains {
                $0.spec.template.spec.containers[0].image == image && DeploymentProgress.isComplete($0, $0.status)
            }
        }
        try await until(Pod.self, client, "\(replicas) pods of \(image)") { pods in
            pods.count == replicas && pods.allSatisfy { $0.isReady && $0.spec.containers[0].image == image }
        }
    }

    private func setImage(_ image: String, _ client: APIClient) async throws {
        _ = try await client.patch(
            Deployment.self, "web", namespace: "default", .strategic,
            ["spec": ["template": ["spec": ["containers": [["name": "web", "image": .string(image)]]]]]])
    }

    @Test func rolloutUndoScaleAndTheEndOfItAll() async throws {
        try await withNode { client in
            _ = try await client.create(Sample.deployment())
            try await untilComplete(client, image: "good:1", replicas: 3)
            try await setImage("good:2", client)
            try await untilComplete(client, image: "good:2", replicas: 3)

            try await setImage("bad:3", client)
            try await until(Deployment.self, client, "one bad one, and three good ones still") { deployments in
                deployments.first?.status.updatedReplicas == 1 && deployments.first?.status.availableReplicas == 3
            }
            try await setImage("good:2", client)
            try await untilComplete(client, image: "good:2", replicas: 3)

            _ = try await client.patch(
                Deployment.self, "web", namespace: "default", .merge, ["spec": ["replicas": 7]])
            try await untilComplete(client, image: "good:2", replicas: 7)
            let deployment = try await client.get(Deployment.self, "web", namespace: "default")
            #expect(deployment.metadata.annotations[RevisionAnnotations.revision] == "4")
            // Nothing but its spec makes a generation, and nobody's spec was changed but by this test.
            #expect(deployment.metadata.generation == 5)

            try await client.delete(Deployment.self, "web", namespace: "default")
            try await until(ReplicaSet.self, client, "no replica sets") { $0.isEmpty }
            try await until(Pod.self, client, "no pods") { $0.isEmpty }
        }
    }

    @Test func deletionInTheForegroundAndWithOrphans() async throws {
        try await withNode { client in
            _ = try await client.create(Sample.deployment())
            try await untilComplete(client, image: "good:1", replicas: 3)
            var options = DeleteOptions()
            options.propagationPolicy = .orphan
            try await client.delete(Deployment.self, "web", namespace: "default", options: options)
            try await until(Deployment.self, client, "no deployment") { $0.isEmpty }
            try await until(ReplicaSet.self, client, "its replica set is free") {
                $0.count == 1 && $0[0].metadata.ownerReferences.isEmpty
            }
            // Taken over by the next one, and then deleted from the leaves up.
            _ = try await client.create(Sample.deployment())
            try await untilComplete(client, image: "good:1", replicas: 3)
            options.propagationPolicy = .foreground
            try await client.delete(Deployment.self, "web", namespace: "default", options: options)
            try await until(Deployment.self, client, "no deployment") { $0.isEmpty }
            let pods = try await client.list(Pod.self)
            #expect(pods.items.isEmpty)
        }
    }

    @Test func aNamespaceIsEmptiedBeforeItGoes() async throws {
        try await withNode { client in
            var namespace = Namespace()
            namespace.metadata.name = "blue"
            _ = try await client.create(namespace)
            try await until(ServiceAccount.self, client, "its service account") { accounts in
                accounts.contains { $0.metadata.namespace == "blue" && $0.metadata.name == "default" }
            }
            try await until(ConfigMap.self, client, "its root certificate") { maps in
                maps.contains { $0.metadata.namespace == "blue" && $0.metadata.name == "kube-root-ca.crt" }
            }
            var deployment = Sample.deployment()
            deployment.metadata.namespace = "blue"
            _ = try await client.create(deployment)
            try await until(Pod.self, client, "pods") { $0.count(where: \.isReady) == 3 }
            try await client.delete(Namespace.self, "blue")
            try await until(Namespace.self, client, "gone") { $0.allSatisfy { $0.metadata.name != "blue" } }
            let pods = try await client.list(Pod.self)
            #expect(pods.items.isEmpty)
        }
    }

    @Test func aPodWithoutRoomIsToldSo() async throws {
        try await withNode { client in
            var pod = Sample.pod("big")
            pod.spec.containers[0].resources.requests["memory"] = "9Gi"
            _ = try await client.create(pod)
            try await until(Pod.self, client, "told") { pods in
                pods.first?.status.phase == .pending
                    && pods.first?.status.conditions.contains {
                        $0.type == .podScheduled && $0.reason == "Unschedulable"
                            && $0.message.hasPrefix("0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 ")
                    } == true
            }
        }
    }
}
