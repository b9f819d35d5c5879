import KubernetesAPI
import Testing

@testable import ControlPlane

/// Pods become endpoints: inside a control plane with its store, its rules and all of its controllers.
@Suite(.timeLimit(.minutes(2))) struct EndpointTests {
    @Test func readinessAndTheEndOfAPod() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let service = try await client.create(Sample.service { $0.metadata.labels = ["team": "a"] })
            var slices = try await cluster.untilSlices("web", "an empty slice") { $0.count == 1 }
            #expect(slices[0].endpoints.isEmpty && slices[0].ports.isEmpty && slices[0].addressType == "IPv4")

            let pod = try await cluster.run("a", ip: "10.244.0.2", ready: false)
            try await cluster.run("other", labels: ["app": "other"], ip: "10.244.0.9")
            // The empty one, which has no ports, goes when the other one is there.
            slices = try await cluster.untilSlices("web", "one that is not ready") {
                $0.count == 1 && $0.lines == ["10.244.0.2 ---"]
            }
            let slice = slices[0]
            #expect(slice.metadata.name.hasPrefix("web-") && slice.metadata.name.count == 9)
            #expect(slice.metadata.generateName == "web-")
            #expect(
                slice.metadata.labels == [
                    "kubernetes.io/service-name": "web", "team": "a",
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                ])
            #expect(slice.metadata.ownerReferences == [service.controllerReference])
            #expect(slice.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] != nil)
            #expect(slice.ports.map(\.port) == [80] && slice.ports[0].name == "" && slice.ports[0].protocol == .tcp)
            let endpoint = slice.endpoints[0]
            #expect(endpoint.nodeName == "node" && endpoint.zone == nil && endpoint.hostname == nil)
            #expect(endpoint.targetRef?.kind == "Pod" && endpoint.targetRef?.uid == pod.metadata.uid)

            try await cluster.setReady("a", true)
            try await cluster.untilSlices("web", "ready") { $0.lines == ["10.244.0.2 ++-"] }
            try await cluster.until(Endpoints.self, "the old form") { all in
                all.contains { $0.metadata.name == "web" && $0.subsets.first?.addresses.first?.ip == "10.244.0.2" }
            }
            try await client.delete(Pod.self, "a", namespace: "default")
            try await cluster.untilSlices("web", "on its way out") { $0.lines == ["10.244.0.2 -++"] }
            try await cluster.until(Endpoints.self, "not in the old form") { all in
                all.contains { $0.metadata.name == "web" && $0.subsets.isEmpty }
            }
            try await cluster.setReady("a", false)
            try await cluster.untilSlices("web", "serves no more") { $0.lines == ["10.244.0.2 --+"] }
            var ended = try await client.get(Pod.self, "a", namespace: "default")
            ended.status.phase = .succeeded
            _ = try await client.updateStatus(ended)
            try await cluster.untilSlices("web", "none") { $0.count == 1 && $0.lines.isEmpty }

            try await client.delete(Service.self, "web", namespace: "default")
            try await cluster.untilSlices("web", "no slice") { $0.isEmpty }
            try await cluster.until(Endpoints.self, "no Endpoints") { all in
                !all.contains { $0.metadata.name == "web" }
            }
        }
    }

    @Test func aNamedPortIsEachPodsOwn() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(
                Sample.service {
                    $0.spec.ports[0].targetPort = "http"
                    $0.spec.ports[0].name = "web"
                })
            func run(_ name: String, _ ip: String, port: Int32) async throws {
                try await cluster.run(name, ip: ip) {
                    var entry = ContainerPort()
                    entry.name = "http"
                    entry.containerPort = port
                    $0.spec.containers[0].ports = [entry]
                }
            }
            try await run("a", "10.244.0.2", port: 8080)
            try await run("b", "10.244.0.3", port: 9090)
            try await cluster.run("c", ip: "10.244.0.4")  // has no such port
            let slices = try await cluster.untilSlices("web", "three slices") {
                $0.lines == ["10.244.0.2 ++-", "10.244.0.3 ++-", "10.244.0.4 ++-"]
            }
            let ports = slices.sorted { ($0.ports.first?.port ?? 0) < ($1.ports.first?.port ?? 0) }
                .map { slice in
                    "\(slice.ports.map { "\($0.name ?? "") \($0.port ?? 0)" }) \(slice.endpoints.map(\.addresses))"
                }
            #expect(
                ports == [
                    #"[] [["10.244.0.4"]]"#, #"["web 8080"] [["10.244.0.2"]]"#, #"["web 9090"] [["10.244.0.3"]]"#,
                ])
            let endpoints = try await cluster.until(Endpoints.self, "two subsets") { all in
                all.contains { $0.metadata.name == "web" && $0.subsets.count == 2 }
            }
            let web = try #require(endpoints.first { $0.metadata.name == "web" })
            #expect(web.subsets.map { $0.ports.map(\.port) } == [[8080], [9090]])
        }
    }

    @Test func headlessNamesAndPodsThatAreNotReady() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(
                Sample.service {
                    $0.spec.clusterIP = "None"
                    $0.spec.ports = []
                    $0.spec.publishNotReadyAddresses = true
                })
            try await cluster.run("a", ip: "10.244.0.2", ready: false) {
                $0.spec.hostname = "one"
                $0.spec.subdomain = "web"
            }
            try await cluster.run("b", ip: "10.244.0.3") {
                $0.spec.hostname = "two"
                $0.spec.subdomain = "elsewhere"
            }
            let slices = try await cluster.untilSlices("web", "both are ready") {
                $0.lines == ["10.244.0.2 +--", "10.244.0.3 ++-"]
            }
            #expect(slices[0].metadata.labels["service.kubernetes.io/headless"] == "")
            #expect(slices.flatMap(\.endpoints).map(\.hostname).sorted { ($0 ?? "") < ($1 ?? "") } == [nil, "one"])
            let endpoints = try await client.get(Endpoints.self, "web", namespace: "default")
            #expect(endpoints.metadata.labels["service.kubernetes.io/headless"] == "")
            // A selector that changes, changes the endpoints.
            try await cluster.run("c", labels: ["app": "new"], ip: "10.244.0.4")
            _ = try await client.patch(
                Service.self, "web", namespace: "default", .json,
                [["op": "replace", "path": "/spec/selector", "value": ["app": "new"]]])
            try await cluster.untilSlices("web", "the new ones") { $0.lines == ["10.244.0.4 ++-"] }
            // And so do a pod's labels.
            _ = try await client.patch(
                Pod.self, "b", namespace: "default", .merge, ["metadata": ["labels": ["app": "new"]]])
            try await cluster.untilSlices("web", "one more") { $0.lines == ["10.244.0.3 ++-", "10.244.0.4 ++-"] }
            _ = try await client.patch(
                Pod.self, "c", namespace: "default", .merge, ["metadata": ["labels": ["app": "web"]]])
            try await cluster.untilSlices("web", "one less") { $0.lines == ["10.244.0.3 ++-"] }
        }
    }

    @Test func aChangeOfOneIsAWriteOfOneSlice() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(Sample.service())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<120 {
                    group.addTask { try await cluster.run("p\(number)", ip: "10.244.1.\(number + 1)") }
                }
                try await group.waitForAll()
            }
            let before = try await cluster.untilSlices("web", "120 endpoints") { $0.lines.count == 120 }
            #expect(before.map(\.endpoints.count).max() ?? 0 <= 100)
            let changed = try #require(
                before.first { $0.endpoints.contains { $0.addresses == ["10.244.1.7"] } })
            try await cluster.setReady("p6", false)
            let after = try await cluster.untilSlices("web", "one not ready") { $0.lines.contains("10.244.1.7 ---") }
            #expect(after.count == before.count)
            for (old, new) in zip(before, after) where old.metadata.name != changed.metadata.name {
                #expect(old == new)
            }
            let slice = try #require(after.first { $0.metadata.name == changed.metadata.name })
            #expect(slice.metadata.generation == changed.metadata.generation + 1)
            #expect(slice.endpoints.map(\.addresses) == changed.endpoints.map(\.addresses))
            #expect(
                slice.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"]
                    != changed.metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"])
        }
    }

    @Test func whatOthersDoToOursIsUndone() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(Sample.service())
            try await cluster.run("a", ip: "10.244.0.2")
            var slices = try await cluster.untilSlices("web", "one") { $0.lines == ["10.244.0.2 ++-"] }
            var broken = slices[0]
            broken.endpoints = []
            _ = try await client.update(broken)
            slices = try await cluster.untilSlices("web", "again") { $0.lines == ["10.244.0.2 ++-"] }
            try await client.delete(EndpointSlice.self, slices[0].metadata.name, namespace: "default")
            let name = slices[0].metadata.name
            try await cluster.untilSlices("web", "another") {
                $0.lines == ["10.244.0.2 ++-"] && $0[0].metadata.name != name
            }
            try await client.delete(Endpoints.self, "web", namespace: "default")
            try await cluster.until(Endpoints.self, "Endpoints again") { all in
                all.contains { $0.metadata.name == "web" && !$0.subsets.isEmpty }
            }
            // Slices of other writers are theirs.
            var custom = EndpointSlice()
            custom.metadata.name = "custom"
            custom.metadata.namespace = "default"
            custom.metadata.labels = [
                "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "me",
            ]
            custom.addressType = "IPv4"
            var endpoint = Endpoint()
            endpoint.addresses = ["192.0.2.1"]
            custom.endpoints = [endpoint]
            var made = try await client.create(custom)
            // What is followed comes without its owners.
            made.metadata.managedFields = []
            try await cluster.setReady("a", false)
            let all = try await cluster.untilSlices("web", "not ready") { $0.lines.contains("10.244.0.2 ---") }
            #expect(all.contains(made))
        }
    }

    @Test func endpointsThatSomebodyMadeAreMirrored() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let service = try await client.create(Sample.service("db") { $0.spec.selector = [:] })
            var endpoints = Endpoints()
            endpoints.metadata.name = "db"
            endpoints.metadata.namespace = "default"
            endpoints.metadata.labels = ["tier": "data"]
            func subset(_ ready: [String], _ notReady: [String], port: Int32) -> EndpointSubset {
                func address(_ ip: String) -> EndpointAddress {
                    var address = EndpointAddress()
                    address.ip = ip
                    return address
                }
                var subset = EndpointSubset()
                subset.addresses = ready.map(address)
                subset.notReadyAddresses = notReady.map(address)
                var entry = EndpointPort()
                entry.name = "sql"
                entry.port = port
                subset.ports = [entry]
                return subset
            }
            endpoints.subsets = [
                subset(["192.0.2.1", "fd00::1"], ["192.0.2.2"], port: 5432), subset(["192.0.2.3"], [], port: 5433),
            ]
            endpoints = try await client.create(endpoints)
            var slices = try await cluster.untilSlices("db", "three slices") {
                $0.count == 3 && $0.lines == ["192.0.2.1 +??", "192.0.2.2 -??", "192.0.2.3 +??", "fd00::1 +??"]
            }
            #expect(slices.map(\.addressType).sorted() == ["IPv4", "IPv4", "IPv6"])
            #expect(
                slices[0].metadata.labels == [
                    "kubernetes.io/service-name": "db", "tier": "data",
                    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
                ])
            #expect(slices[0].metadata.ownerReferences == [endpoints.controllerReference])
            endpoints.subsets = [subset(["192.0.2.4"], [], port: 5432)]
            endpoints = try await client.update(endpoints)
            slices = try await cluster.untilSlices("db", "the new one") {
                $0.lines == ["192.0.2.4 +??"] && $0.count == 1
            }
            endpoints.metadata.labels["endpointslice.kubernetes.io/skip-mirror"] = "true"
            endpoints = try await client.update(endpoints)
            try await cluster.untilSlices("db", "none") { $0.isEmpty }
            endpoints.metadata.labels["endpointslice.kubernetes.io/skip-mirror"] = nil
            _ = try await client.update(endpoints)
            try await cluster.untilSlices("db", "again") { $0.count == 1 }
            // With a selector its endpoints are its pods.
            try await cluster.run("a", labels: ["app": "db"], ip: "10.244.0.2")
            _ = try await client.patch(
                Service.self, "db", namespace: "default", .merge, ["spec": ["selector": ["app": "db"]]])
            try await cluster.untilSlices("db", "the pod") { $0.lines == ["10.244.0.2 ++-"] }
            #expect(service.spec.selector.isEmpty)
        }
    }

    /// What a readiness flip costs among many Services: one write of one slice, however many there are.
    @Test func aFlipAmongManyServicesIsOneWrite() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let name = "s\(number)"
                        _ = try await client.create(Sample.service(name))
                        for pod in 0..<10 {
                            try await cluster.run(
                                "\(name)-\(pod)", labels: ["app": name], ip: "10.245.\(number).\(pod + 1)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await cluster.until(EndpointSlice.self, namespace: "default", "400 endpoints") { all in
                all.flatMap(\.endpoints).count { $0.conditions.ready == true } == 400
            }
            let before = try await client.list(EndpointSlice.self, namespace: "default")
            let follower = Informer(EndpointSlice.self, client: client, namespace: "default")
            let (changes, seen) = AsyncStream.makeStream(of: EndpointSlice.self)
            follower.onChange { if case .modified(_, let slice) = $0 { seen.yield(slice) } }
            let run = Task { await follower.run() }
            defer { run.cancel() }
            try await follower.waitUntilSynced()
            var times: [Duration] = []
            var next = changes.makeAsyncIterator()
            for number in 0..<20 {
                let start = ContinuousClock.now
                try await cluster.setReady("s\(number * 2)-3", false)
                let slice = try #require(await next.next())
                times.append(start.duration(to: .now))
                #expect([slice].lines.contains("10.245.\(number * 2).4 ---"))
            }
            times.sort()
            print("readiness flip to slice, 40 services of 10: median \(times[10]), longest \(times[19])")
            // Nothing waits for a batch or a tick; the rest is how busy the machine is.
            #expect(times[0] < .milliseconds(500))
            let after = try await client.list(EndpointSlice.self, namespace: "default")
            let old = Dictionary(before.items.map { ($0.key, $0.metadata.resourceVersion) }) { first, _ in first }
            #expect(after.items.count { old[$0.key] != $0.metadata.resourceVersion } == 20)
        }
    }
}
