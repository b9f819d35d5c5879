import Foundation
import KubernetesAPI
import Testing

/// The rules of objects, through the transport of this process and over TLS alike.
@Suite struct ObjectTests {
    private func pod(_ name: String, node: String = "") -> Pod {
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = "default"
        pod.metadata.labels = ["app": name]
        var container = Container()
        container.name = "c"
        container.image = "busybox"
        pod.spec.containers = [container]
        pod.spec.nodeName = node
        return pod
    }

    private func configMap(_ name: String, _ data: [String: String] = [:]) -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = "default"
        map.data = data
        return map
    }

    private func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    @Test func aNewPodIsCompletedAndOwnedByTheServer() async throws {
        try await TestCluster.run { cluster in
            let pod = try await cluster.client.create(pod("web"))
            #expect(!pod.metadata.uid.isEmpty && !pod.metadata.resourceVersion.isEmpty)
            #expect(pod.metadata.creationTimestamp != nil && pod.metadata.generation == 1)
            #expect(pod.status.phase == .pending && pod.status.qosClass == .bestEffort)
            #expect(pod.spec.restartPolicy == .always && pod.spec.serviceAccountName == "default")
            #expect(pod.spec.priority == 0 && pod.spec.tolerations.count == 2)
            let error = await refusal { _ = try await cluster.client.create(self.pod("web")) }
            #expect(error?.code == 409 && error?.status.message == "pods \"web\" already exists")
        }
    }

    @Test func generatedNamesDiffer() async throws {
        try await TestCluster.run { cluster in
            var map = configMap("")
            map.metadata.generateName = "run-"
            let first = try await cluster.client.create(map)
            let second = try await cluster.client.create(map)
            #expect(first.metadata.name.hasPrefix("run-") && first.metadata.name.count == 9)
            #expect(first.metadata.name != second.metadata.name)
        }
    }

    @Test func anUpdateOfAnOldVersionIsAConflict() async throws {
        try await TestCluster.run { cluster in
            let first = try await cluster.client.create(configMap("a", ["k": "1"]))
            var second = first
            second.data = ["k": "2"]
            second = try await cluster.client.update(second)
            #expect(second.metadata.resourceVersion != first.metadata.resourceVersion)
            var late = first
            late.data = ["k": "3"]
            let error = await refusal { _ = try await cluster.client.update(late) }
            #expect(error?.code == 409)
            #expect(
                error?.status.message
                    == "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
                    + "please apply your changes to the latest version and try again")
            // What changes nothing makes no new version.
            let same = try await cluster.client.update(second)
            #expect(same.metadata.resourceVersion == second.metadata.resourceVersion)
        }
    }

    @Test func statusAndSpecAreWrittenApart() async throws {
        try await TestCluster.run { cluster in
            var pod = try await cluster.client.create(pod("web", node: "n"))
            pod.status.phase = .running
            pod.spec.nodeName = "elsewhere"
            pod = try await cluster.client.updateStatus(pod)
            #expect(pod.status.phase == .running && pod.spec.nodeName == "n" && pod.metadata.generation == 1)
            pod.metadata.labels["x"] = "y"
            pod.status.phase = .failed
            pod = try await cluster.client.update(pod)
            #expect(pod.status.phase == .running && pod.metadata.labels["x"] == "y")
        }
    }

    @Test func aBoundPodGoesInTwoSteps() async throws {
        try await TestCluster.run { cluster in
            let pod = try await cluster.client.create(pod("web", node: "n"))
            try await cluster.client.delete(Pod.self, "web", namespace: "default")
            let going = try await cluster.client.get(Pod.self, "web", namespace: "default")
            #expect(going.metadata.deletionTimestamp != nil && going.metadata.deletionGracePeriodSeconds == 30)
            #expect(going.metadata.generation == 2)
            var options = DeleteOptions()
            options.gracePeriodSeconds = 0
            var preconditions = Preconditions()
            preconditions.uid = "another"
            options.preconditions = preconditions
            let error = await refusal {
                try await cluster.client.delete(Pod.self, "web", namespace: "default", options: options)
            }
            #expect(error?.code == 409)
            options.preconditions?.uid = pod.metadata.uid
            try await cluster.client.delete(Pod.self, "web", namespace: "default", options: options)
            let gone = await refusal { _ = try await cluster.client.get(Pod.self, "web", namespace: "default") }
            #expect(gone?.isNotFound == true && gone?.status.message == "pods \"web\" not found")
        }
    }

    @Test func anUnboundPodGoesAtOnce() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod("web"))
            try await cluster.client.delete(Pod.self, "web", namespace: "default")
            #expect(try await cluster.client.list(Pod.self).items.isEmpty)
        }
    }

    @Test func finalizersHoldAnObjectUntilTheyAreTaken() async throws {
        try await TestCluster.run { cluster in
            var map = configMap("a")
            map.metadata.finalizers = ["example.com/hold"]
            map = try await cluster.client.create(map)
            try await cluster.client.delete(ConfigMap.self, "a", namespace: "default")
            map = try await cluster.client.get(ConfigMap.self, "a", namespace: "default")
            #expect(map.metadata.deletionTimestamp != nil)
            map.metadata.finalizers = []
            _ = try await cluster.client.update(map)
            let gone = await refusal { _ = try await cluster.client.get(ConfigMap.self, "a", namespace: "default") }
            #expect(gone?.isNotFound == true)
        }
    }

    @Test func systemNamespacesStay() async throws {
        try await TestCluster.run { cluster in
            let names = try await cluster.client.list(Namespace.self).items.map(\.metadata.name)
            #expect(names == ["default", "kube-node-lease", "kube-public", "kube-system"])
            let error = await refusal { try await cluster.client.delete(Namespace.self, "default") }
            #expect(error?.code == 403)
        }
    }

    @Test func listsComeInChunksOfOneState() async throws {
        try await TestCluster.run { cluster in
            for index in 0..<7 {
                var map = configMap("cm-\(index)")
                map.metadata.labels = ["test": "chunks"]
                _ = try await cluster.client.create(map)
            }
            let selector = ["labelSelector": "test=chunks"]
            let first = try await cluster.client.list(
                ConfigMap.self, namespace: "default", options: selector.merging(["limit": "3"]) { $1 })
            #expect(first.items.map(\.metadata.name) == ["cm-0", "cm-1", "cm-2"])
            // What happens in between does not show.
            try await cluster.client.delete(ConfigMap.self, "cm-4", namespace: "default")
            let rest = try await cluster.client.list(
                ConfigMap.self, namespace: "default",
                options: selector.merging(["limit": "30", "continue": first.continueToken]) { $1 })
            #expect(rest.items.map(\.metadata.name) == ["cm-3", "cm-4", "cm-5", "cm-6"])
            #expect(rest.resourceVersion == first.resourceVersion && rest.continueToken.isEmpty)
            let error = await refusal {
                _ = try await cluster.client.list(ConfigMap.self, options: ["resourceVersion": "99999999"])
            }
            #expect(error?.code == 504)
        }
    }

    @Test func aWatchThroughASelectorSeesWhatEntersAndLeaves() async throws {
        try await TestCluster.run { cluster in
            func check(_ client: APIClient) async throws {
                let list = try await client.list(ConfigMap.self)
                let events = try await client.watch(
                    ConfigMap.self, namespace: "default",
                    options: [
                        "labelSelector": "tier=front", "resourceVersion": list.resourceVersion,
                        "allowWatchBookmarks": "true",
                    ])
                var map = try await client.create(configMap("a"))
                map.metadata.labels["tier"] = "front"
                map = try await client.update(map)
                map.data = ["k": "v"]
                map = try await client.update(map)
                map.metadata.labels["tier"] = "back"
                map = try await client.update(map)
                try await client.delete(ConfigMap.self, "a", namespace: "default")
                var seen: [String] = []
                for try await event in events where event.type != "BOOKMARK" {
                    seen.append(event.type)
                    guard event.type == "DELETED" else { continue }
                    // It left with the state that last matched, under the version of the change.
                    #expect(event.object[path: "metadata", "labels"]?["tier"] == "front")
                    #expect(
                        event.object[path: "metadata", "resourceVersion"]?.stringValue == map.metadata.resourceVersion)
                    break
                }
                #expect(seen == ["ADDED", "MODIFIED", "DELETED"])
            }
            try await check(cluster.client)
            try await cluster.withHTTPS(check)
        }
    }

    @Test func aWatchListEndsItsInitialEventsWithABookmark() async throws {
        try await TestCluster.run { cluster in
            let events = try await cluster.client.watch(
                Namespace.self,
                options: [
                    "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true",
                ])
            var types: [String] = []
            for try await event in events {
                types.append(event.type)
                guard event.type == "BOOKMARK" else { continue }
                #expect(
                    event.object["metadata"]?["annotations"]?["k8s.io/initial-events-end"] == "true")
                break
            }
            #expect(types == ["ADDED", "ADDED", "ADDED", "ADDED", "BOOKMARK"])
            let error = await refusal {
                _ = try await cluster.client.watch(Namespace.self, options: ["sendInitialEvents": "true"])
            }
            #expect(error?.code == 422)
        }
    }

    @Test func scaleIsAPartOfItsOwn() async throws {
        try await TestCluster.run { cluster in
            var deployment = Deployment()
            deployment.metadata.name = "web"
            deployment.metadata.namespace = "default"
            var selector = LabelSelector()
            selector.matchLabels = ["a": "b"]
            deployment.spec.selector = selector
            deployment.spec.template.metadata.labels = ["a": "b"]
            deployment.spec.template.spec.containers = pod("x").spec.containers
            deployment.spec.paused = true
            deployment = try await cluster.client.create(deployment)
            #expect(deployment.metadata.generation == 1 && deployment.spec.replicas == 1)
            var request = APIRequest(
                verb: .patch, group: "apps", version: "v1", resource: "deployments", namespace: "default", name: "web",
                subresource: "scale", patchType: .merge, body: ["spec": ["replicas": 5]])
            let scale = try await cluster.client.transport.send(request)
            #expect(scale["kind"] == "Scale" && scale[path: "spec", "replicas"] == 5)
            #expect(scale[path: "status", "selector"] == "a=b")
            deployment = try await cluster.client.get(Deployment.self, "web", namespace: "default")
            #expect(deployment.spec.replicas == 5 && deployment.metadata.generation == 2)
            request.body = ["spec": ["replicas": -1]]
            let error = await refusal { _ = try await cluster.client.transport.send(request) }
            #expect(error?.code == 422)
        }
    }

    @Test func bindingAssignsAPodOnce() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod("web"))
            let request = APIRequest(
                verb: .create, group: "", version: "v1", resource: "pods", namespace: "default", name: "web",
                subresource: "binding", body: ["target": ["kind": "Node", "name": "n1"]])
            let answer = try await cluster.client.transport.send(request)
            #expect(answer["status"] == "Success")
            let bound = try await cluster.client.get(Pod.self, "web", namespace: "default")
            #expect(bound.spec.nodeName == "n1")
            #expect(bound.status.conditions.contains { $0.type == .podScheduled && $0.status == .true })
            let error = await refusal { _ = try await cluster.client.transport.send(request) }
            #expect(error?.code == 409)
        }
    }

    @Test func aDryRunStoresNothing() async throws {
        try await TestCluster.run { cluster in
            let made = try await cluster.client.create(configMap("a"), options: ["dryRun": "All"])
            #expect(!made.metadata.uid.isEmpty)
            let gone = await refusal { _ = try await cluster.client.get(ConfigMap.self, "a", namespace: "default") }
            #expect(gone?.isNotFound == true)
        }
    }
}
