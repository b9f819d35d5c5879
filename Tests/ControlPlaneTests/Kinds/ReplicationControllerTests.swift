import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite(.timeLimit(.minutes(2))) struct ReplicationControllerTests {
    private func controller(replicas: Int32? = 3) -> ReplicationController {
        var controller = ReplicationController()
        controller.metadata.name = "web"
        controller.metadata.namespace = "default"
        controller.spec.replicas = replicas
        controller.spec.selector = ["app": "web"]
        controller.spec.template = Sample.template(image: "good:1")
        return controller
    }

    @Test func itKeepsItsReplicas() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(controller())
            try await cluster.api.until("three ready") {
                let status = $0.one(ReplicationController.self, "web")?.status
                return status?.readyReplicas == 3 && status?.availableReplicas == 3
                    && status?.fullyLabeledReplicas == 3
            }
            let pod = try #require(cluster.api.snapshot.all(Pod.self).first)
            #expect(pod.metadata.name.hasPrefix("web-"))
            let owner = try #require(pod.metadata.controller)
            #expect(owner.kind == "ReplicationController" && owner.apiVersion == "v1" && owner.name == "web")
            try await cluster.change(ReplicationController.self, "web") { $0.spec.replicas = 1 }
            try await cluster.api.until("one is left") { snapshot in
                snapshot.all(Pod.self).count == 1
                    && snapshot.one(ReplicationController.self, "web")?.status.replicas == 1
            }
            #expect(
                cluster.api.snapshot.all(Event.self).contains {
                    $0.reason == "SuccessfulCreate" && $0.source.component == "replication-controller"
                        && $0.involvedObject.kind == "ReplicationController"
                })
        }
    }

    @Test func strayPodsAreTakenOnAndOthersLetGo() async throws {
        try await ControllerTestbed.run { cluster in
            _ = try await cluster.client.create(Sample.pod("stray"))
            // Not a ReplicaSet's, though the labels are those.
            _ = try await cluster.client.create(Sample.replicaSet("other", replicas: 1))
            _ = try await cluster.client.create(controller(replicas: 2))
            try await cluster.api.until("two, the stray one among them") { snapshot in
                snapshot.one(Pod.self, "stray")?.metadata.controller?.kind == "ReplicationController"
                    && snapshot.one(ReplicationController.self, "web")?.status.readyReplicas == 2
                    && snapshot.one(ReplicaSet.self, "other")?.status.readyReplicas == 1
            }
            #expect(cluster.api.snapshot.all(Pod.self).count == 3)
        }
    }

    @Test func refusedPodsAreAConditionUntilTheyAreNot() async throws {
        try await ControllerTestbed.run { cluster in
            cluster.api.refuse { request in
                request.verb == .create && request.resource == "pods"
                    ? APIError(code: 403, reason: .forbidden, message: "exceeded quota") : nil
            }
            _ = try await cluster.client.create(controller())
            try await cluster.api.until("the failure is reported") { snapshot in
                let condition = snapshot.one(ReplicationController.self, "web")?.status.conditions.first
                return condition?.type == .replicaFailure && condition?.reason == "FailedCreate"
            }
        }
    }

    @Test func whatIsNotSaidIsSaidByTheTemplate() async throws {
        try await TestCluster.run { cluster in
            var given = controller(replicas: nil)
            given.spec.selector = [:]
            let made = try await cluster.client.create(given)
            #expect(made.spec.selector == ["app": "web"] && made.metadata.labels == ["app": "web"])
            #expect(made.spec.replicas == 1 && made.metadata.generation == 1)
            #expect(made.spec.template?.spec.restartPolicy == .always)
            var changed = made
            changed.spec.selector = ["app": "other"]
            let error = await refusal { _ = try await cluster.client.update(changed) }
            #expect(
                error?.status.message
                    == "ReplicationController \"web\" is invalid: spec.template.metadata.labels: Invalid value: "
                    + "{\"app\":\"web\"}: `selector` does not match template `labels`")
            changed = made
            changed.spec.template?.spec.restartPolicy = .never
            let policy = await refusal { _ = try await cluster.client.update(changed) }
            #expect(
                policy?.status.message
                    == "ReplicationController \"web\" is invalid: spec.template.spec.restartPolicy: Unsupported value: "
                    + "\"Never\": supported values: \"Always\"")
            var empty = controller()
            empty.metadata.name = "empty"
            empty.spec.selector = [:]
            empty.spec.template = nil
            let causes = await refusal { _ = try await cluster.client.create(empty) }?.status.details?.causes
            #expect(causes?.map(\.field) == ["spec.selector", "spec.template"])
        }
    }

    @Test func itIsScaledThroughItsScale() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(controller(replicas: 2))
            func scale(_ verb: APIRequest.Verb, _ body: JSONValue? = nil) async throws -> JSONValue {
                var request = APIRequest(
                    verb: verb, group: "", version: "v1", resource: "replicationcontrollers", namespace: "default",
                    name: "web", subresource: "scale", body: body)
                if verb == .patch { request.patchType = .merge }
                return try await cluster.plane.transport.send(request)
            }
            let present = try await scale(.get)
            #expect(present[path: "spec", "replicas"] == 2)
            #expect(present[path: "status", "selector"] == "app=web")
            _ = try await scale(.patch, ["spec": ["replicas": 5]])
            let after = try await cluster.client.get(ReplicationController.self, "web", namespace: "default")
            #expect(after.spec.replicas == 5 && after.metadata.generation == 2)
        }
    }

    /// The first version of the API left dependents where nobody said otherwise; later kinds take them along.
    @Test func itsPodsStayWhereADeletionDoesNotSay() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let made = try await client.create(controller(replicas: 0))
            var pod = Sample.pod("kept")
            // Its own, but not one that it counts: with no replicas it would end it.
            var owner = made.controllerReference
            owner.controller = false
            pod.metadata.ownerReferences = [owner]
            pod.metadata.finalizers = ["example.com/hold"]
            _ = try await client.create(pod)
            try await client.delete(ReplicationController.self, "web", namespace: "default")
            try await eventually {
                try await client.get(Pod.self, "kept", namespace: "default").metadata.ownerReferences.isEmpty
            }
            #expect(try await client.get(Pod.self, "kept", namespace: "default").metadata.deletionTimestamp == nil)
        }
    }
}
