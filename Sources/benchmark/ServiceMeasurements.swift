import Foundation
import KubernetesAPI

/// What `benchmark services` measures: from the host and from a pod, by real connections.
struct ServiceMeasurements: Sendable {
    let node: Node
    let samples: Int
    let pairs: Int
    let seconds: Int

    private static let gate = "minikube-lite/benchmark"
    private static let port: Int32 = 8000

    func all() async throws -> [Figure] {
        var figures: [Figure] = []
        for step in [readiness, slices, load] as [() async throws -> [Figure]] {
            let made = try await step()
            for figure in made { progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)") }
            figures += made
        }
        return figures
    }

    // MARK: Readiness

    /// A readiness gate is opened and shut through the API: the agent hears of it and writes the pod's status, the
    /// controller writes the slice, the agent's routing hears of that, and the kernel is told.
    private func readiness() async throws -> [Figure] {
        let made = try await node.client.create(server("bench-ready", gated: true))
        let service = try await node.client.create(service("bench-ready", selects: true))
        let address = try clusterAddress(service)
        try await node.wait(for: made.metadata.name) { $0?.status.phase == .running }
        var opened: [Double] = []
        var shut: [Double] = []
        for index in 0...samples {
            for isReady in [true, false] {
                let took = try await change(until: isReady, address) {
                    _ = try await node.client.patch(
                        Pod.self, made.metadata.name, namespace: Node.namespace, subresource: "status", .strategic,
                        [
                            "status": [
                                "conditions": [
                                    ["type": .string(Self.gate), "status": .string(isReady ? "True" : "False")]
                                ]
                            ]
                        ])
                }
                if index == 0 { continue }  // the first one warms caches
                if isReady { opened.append(took) } else { shut.append(took) }
            }
        }
        try await node.client.delete(Service.self, service.metadata.name, namespace: Node.namespace)
        try await node.delete(made.metadata.name)
        return [
            Figure(name: "readiness gate opened to connections led there", unit: "ms", samples: opened, target: "20"),
            Figure(name: "readiness gate shut to connections refused", unit: "ms", samples: shut, target: "20"),
        ]
    }

    /// A slice of a service without selector is written: only what the node does about it.
    private func slices() async throws -> [Figure] {
        let made = try await node.client.create(server("bench-slice"))
        let service = try await node.client.create(service("bench-slice", selects: false))
        let address = try clusterAddress(service)
        try await node.wait(for: made.metadata.name) { $0?.status.phase == .running }
        let pod = try await node.client.get(Pod.self, made.metadata.name, namespace: Node.namespace)
        var endpoint = Endpoint()
        endpoint.addresses = [pod.status.podIP]
        endpoint.conditions.ready = false
        var port = DiscoveryEndpointPort()
        port.name = ""
        port.port = Self.port
        port.protocol = .tcp
        var slice = EndpointSlice()
        slice.metadata.name = "bench-slice"
        slice.metadata.namespace = Node.namespace
        slice.metadata.labels = ["kubernetes.io/service-name": service.metadata.name]
        slice.addressType = pod.status.podIP.contains(":") ? "IPv6" : "IPv4"
        slice.endpoints = [endpoint]
        slice.ports = [port]
        _ = try await node.client.create(slice)
        var times: [Double] = []
        for index in 0...samples {
            for isReady in [true, false] {
                endpoint.conditions.ready = isReady
                let patch: JSONValue = ["endpoints": [endpoint.json]]
                let took = try await change(until: isReady, address) {
                    _ = try await node.client.patch(
                        EndpointSlice.self, "bench-slice", namespace: Node.namespace, .merge, patch)
                }
                if index > 0 { times.append(took) }
            }
        }
        try await node.client.delete(EndpointSlice.self, "bench-slice", namespace: Node.namespace)
        try await node.client.delete(Service.self, service.metadata.name, namespace: Node.namespace)
        try await node.delete(made.metadata.name)
        return [Figure(name: "slice written to the rule in force", unit: "ms", samples: times)]
    }

    /// Milliseconds from the beginning of a call to the first connection that ends as expected.
    private func change(
        until connects: Bool, _ address: String, _ call: @Sendable () async throws -> Void
    ) async throws -> Double {
        let probe = ConnectionProbe(address: address, port: 80)
        async let seen = probe.wait(until: connects, deadline: 10)
        let begun = realtime()
        try await call()
        guard let end = await seen else {
            throw BenchmarkError("\(address): connections are not \(connects ? "led" : "refused") within 10 s")
        }
        return milliseconds(from: begun, to: end)
    }

    // MARK: Load

    /// The same client and the same server, with and without the service between them, in turns.
    private func load() async throws -> [Figure] {
        let made = try await node.client.create(server("bench-load"))
        let client = try await node.client.create(server("bench-client"))
        let service = try await node.client.create(service("bench-load", selects: true))
        for pod in [made, client] {
            try await node.wait(for: pod.metadata.name) { pod in
                pod?.status.conditions.contains { $0.type == .ready && $0.status == .true } == true
            }
        }
        let through = try clusterAddress(service)
        let straight = try await node.client.get(Pod.self, made.metadata.name, namespace: Node.namespace).status.podIP
        guard let process = node.processes(of: client).first else {
            throw BenchmarkError("pod \(client.metadata.name): no process found")
        }
        _ = await ConnectionProbe(address: through, port: 80).wait(until: true, deadline: 10)
        var figures: [Figure] = []
        for keepsAlive in [true, false] {
            figures += try await compare(
                keepsAlive, through: "http://\(Self.host(through)):80/",
                straight: "http://\(Self.host(straight)):\(Self.port)/", from: process)
        }
        try await node.client.delete(Service.self, service.metadata.name, namespace: Node.namespace)
        for pod in [made, client] { try await node.delete(pod.metadata.name) }
        return figures
    }

    private func compare(
        _ keepsAlive: Bool, through: String, straight: String, from process: Int32
    ) async throws -> [Figure] {
        func run(_ url: String) async throws -> LoadRun {
            try await LoadRun.make(url, keepsAlive: keepsAlive, seconds: seconds, inNetworkOf: process)
        }
        _ = try await run(straight)
        var rates: [Double] = []
        var latencies: [Double] = []
        var rate: (through: [Double], straight: [Double]) = ([], [])
        var latency: (through: [Double], straight: [Double]) = ([], [])
        for pair in 0..<pairs {
            // Whoever comes first in a pair comes second in the next.
            let first = try await run(pair.isMultiple(of: 2) ? through : straight)
            let second = try await run(pair.isMultiple(of: 2) ? straight : through)
            let (own, other) = pair.isMultiple(of: 2) ? (first, second) : (second, first)
            rate.through.append(own.requestsPerSecond)
            rate.straight.append(other.requestsPerSecond)
            latency.through.append(own.p99)
            latency.straight.append(other.p99)
            rates.append(own.requestsPerSecond / other.requestsPerSecond)
            latencies.append(own.p99 / other.p99)
        }
        let kind = keepsAlive ? "kept-alive connections" : "a connection for each request"
        return [
            Figure(name: "\(kind), straight to the pod", unit: "requests/s", samples: rate.straight),
            Figure(name: "\(kind), through the ClusterIP", unit: "requests/s", samples: rate.through),
            Figure(name: "the one in terms of the other", unit: "x", samples: rates, target: "at least 0.95"),
            Figure(name: "\(kind), p99 straight to the pod", unit: "ms", samples: latency.straight),
            Figure(name: "\(kind), p99 through the ClusterIP", unit: "ms", samples: latency.through),
            Figure(name: "the one in terms of the other", unit: "x", samples: latencies, target: "at most 1.05"),
        ]
    }

    private static func host(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }

    // MARK: Objects

    private func server(_ name: String, gated: Bool = false) -> Pod {
        var pod = node.pod(name, restartPolicy: .always)
        pod.metadata.labels = ["app": name]
        pod.spec.containers[0].args = []
        pod.spec.terminationGracePeriodSeconds = 1
        if gated {
            var gate = PodReadinessGate()
            gate.conditionType = PodConditionType(rawValue: Self.gate)
            pod.spec.readinessGates = [gate]
        }
        return pod
    }

    private func service(_ name: String, selects: Bool) -> Service {
        var port = ServicePort()
        port.port = 80
        port.targetPort = .int(Self.port)
        var service = Service()
        service.metadata.name = name
        service.metadata.namespace = Node.namespace
        service.spec.ports = [port]
        if selects { service.spec.selector = ["app": name] }
        return service
    }

    private func clusterAddress(_ service: Service) throws -> String {
        guard !service.spec.clusterIP.isEmpty, service.spec.clusterIP != "None" else {
            throw BenchmarkError("service \(service.metadata.name) has no cluster address")
        }
        return service.spec.clusterIP
    }
}
