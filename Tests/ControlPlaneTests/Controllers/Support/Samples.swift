import KubernetesAPI
import Logging

@testable import ControlPlane

/// Objects to test with.
enum Sample {
    static func template(image: String, labels: [String: String] = ["app": "web"]) -> PodTemplateSpec {
        var template = PodTemplateSpec()
        template.metadata.labels = labels
        var container = Container()
        container.name = "web"
        container.image = image
        template.spec.containers = [container]
        return template
    }

    static func deployment(
        _ name: String = "web", replicas: Int32 = 3, image: String = "good:1", maxSurge: IntOrString = "25%",
        maxUnavailable: IntOrString = "25%"
    ) -> Deployment {
        var deployment = Deployment()
        deployment.metadata.name = name
        deployment.metadata.namespace = "default"
        deployment.spec.replicas = replicas
        deployment.spec.selector = LabelSelector()
        deployment.spec.selector?.matchLabels = ["app": name]
        deployment.spec.template = template(image: image, labels: ["app": name])
        deployment.spec.strategy.type = .rollingUpdate
        deployment.spec.strategy.rollingUpdate = RollingUpdateDeployment()
        deployment.spec.strategy.rollingUpdate?.maxSurge = maxSurge
        deployment.spec.strategy.rollingUpdate?.maxUnavailable = maxUnavailable
        deployment.spec.revisionHistoryLimit = 10
        deployment.spec.progressDeadlineSeconds = 600
        return deployment
    }

    static func replicaSet(_ name: String = "web", replicas: Int32 = 3, image: String = "good:1") -> ReplicaSet {
        var set = ReplicaSet()
        set.metadata.name = name
        set.metadata.namespace = "default"
        set.spec.replicas = replicas
        set.spec.selector = LabelSelector()
        set.spec.selector?.matchLabels = ["app": name]
        set.spec.template = template(image: image, labels: ["app": name])
        return set
    }

    static func pod(_ name: String, labels: [String: String] = ["app": "web"], node: String = "") -> Pod {
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = "default"
        pod.metadata.labels = labels
        pod.spec = template(image: "good:1").spec
        pod.spec.nodeName = node
        return pod
    }

    static func node(
        _ name: String = "node", cpu: Quantity = "4", memory: Quantity = "8Gi", pods: Quantity = "110"
    ) -> Node {
        var node = Node()
        node.metadata.name = name
        node.metadata.labels = ["kubernetes.io/hostname": name]
        node.status.allocatable = ["cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": "100Gi"]
        node.status.capacity = node.status.allocatable
        var ready = NodeCondition()
        ready.type = .ready
        ready.status = .true
        node.status.conditions = [ready]
        return node
    }
}

/// A cluster of a fake API, a fake node and the real controllers.
struct ControllerTestbed: Sendable {
    let api: FakeAPI
    let time: TimeSource
    var client: APIClient { api.client }

    /// Runs the controllers and the node beside the body.
    static func run(
        time: TimeSource = .system, nodeGracePeriod: Duration = .seconds(1_000_000), rootCertificate: String? = nil,
        clusterServices: ClusterServices? = nil,
        pause: @escaping @Sendable (Pod) async -> Void = { _ in },
        _ body: @escaping @Sendable (ControllerTestbed) async throws -> Void
    ) async throws {
        let cluster = ControllerTestbed(api: FakeAPI(time: time), time: time)
        _ = try await cluster.client.create(Sample.node())
        let controllers = ControllerSet(
            client: cluster.client, logger: Logger(label: "test"), rootCertificate: rootCertificate,
            nodeGracePeriod: nodeGracePeriod, clusterServices: clusterServices, time: time)
        let kubelet = FakeKubelet(client: cluster.client, time: time, pause: pause)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controllers.run() }
            group.addTask { await kubelet.run() }
            do {
                try await body(cluster)
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
        }
    }

    /// Changes an object, again if somebody else did at the same time.
    @discardableResult
    func change<Object: KubernetesObject>(
        _ type: Object.Type, _ name: String, _ change: @Sendable (inout Object) -> Void
    ) async throws -> Object {
        while true {
            var object = try await client.get(type, name, namespace: "default")
            change(&object)
            do {
                return try await client.update(object)
            } catch let error as APIError where error.isConflict {
                continue
            }
        }
    }

    func untilComplete(_ name: String = "web") async throws {
        try await api.until("\(name) is rolled out") { snapshot in
            guard let deployment = snapshot.one(Deployment.self, name) else { return false }
            return DeploymentProgress.isComplete(deployment, deployment.status)
        }
    }
}
