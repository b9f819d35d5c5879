import KubernetesAPI
import Testing

@testable import ControlPlane

extension TestCluster {
    /// Waits until the objects of a type are as they should be, and returns them. Throws after thirty seconds.
    @discardableResult
    func until<Object: KubernetesObject>(
        _ type: Object.Type, namespace: String = "", _ what: String,
        _ condition: @escaping @Sendable ([Object]) -> Bool
    ) async throws -> [Object] {
        let informer = Informer(type, client: client, namespace: namespace)
        let holds = Gate()
        informer.onChange { [unowned informer] _ in if condition(informer.cache.all) { holds.open() } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            group.addTask {
                try await Task.sleep(for: .seconds(30))
                throw FakeAPI.Timeout(what: "\(what); there are \(informer.cache.all.map(\.json.text))")
            }
            defer { group.cancelAll() }
            // The informer ends with the group only: the first to end is the gate or the time-out.
            group.addTask { try await holds.wait() }
            try await group.next()
        }
        return informer.cache.all.sorted { $0.key < $1.key }
    }

    /// The slices of a Service of the namespace `default` once they are as they should be.
    @discardableResult
    func untilSlices(
        _ service: String, _ what: String, _ condition: @escaping @Sendable ([EndpointSlice]) -> Bool
    ) async throws -> [EndpointSlice] {
        let slices = try await until(EndpointSlice.self, namespace: "default", what) { all in
            condition(all.filter { $0.metadata.labels["kubernetes.io/service-name"] == service })
        }
        return slices.filter { $0.metadata.labels["kubernetes.io/service-name"] == service }
    }

    /// Makes a pod that runs.
    @discardableResult
    func run(
        _ name: String, labels: [String: String] = ["app": "web"], ip: String, ready: Bool = true,
        _ change: (inout Pod) -> Void = { _ in }
    ) async throws -> Pod {
        var pod = Sample.pod(name, labels: labels, node: "node")
        change(&pod)
        pod = try await client.create(pod)
        pod.status.podIP = ip
        var address = PodIP()
        address.ip = ip
        pod.status.podIPs = [address]
        return try await client.updateStatus(FakeKubelet.running(pod, ready: ready, at: TimeSource.system.now))
    }

    /// Makes a pod of the namespace `default` ready, or not.
    func setReady(_ name: String, _ isReady: Bool) async throws {
        let pod = try await client.get(Pod.self, name, namespace: "default")
        _ = try await client.updateStatus(FakeKubelet.running(pod, ready: isReady, at: TimeSource.system.now))
    }
}

extension Sample {
    /// A Service of `app=<name>` that leads to port 80 of its pods.
    static func service(_ name: String = "web", _ change: (inout Service) -> Void = { _ in }) -> Service {
        var service = Service()
        service.metadata.name = name
        service.metadata.namespace = "default"
        service.spec.selector = ["app": name]
        var port = ServicePort()
        port.port = 80
        service.spec.ports = [port]
        change(&service)
        return service
    }
}

extension [EndpointSlice] {
    /// `address ready serving terminating` of every endpoint, in order.
    var lines: [String] {
        flatMap(\.endpoints).map { endpoint in
            func flag(_ value: Bool?) -> String { value.map { $0 ? "+" : "-" } ?? "?" }
            let conditions = endpoint.conditions
            return endpoint.addresses.joined(separator: ",") + " " + flag(conditions.ready) + flag(conditions.serving)
                + flag(conditions.terminating)
        }.sorted()
    }
}
