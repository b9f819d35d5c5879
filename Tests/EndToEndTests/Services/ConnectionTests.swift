import Foundation
import NodeHarness
import Testing

extension EndToEnd.Services {
    /// How packets travel between pods, services, the node and the outside.
    @Suite struct Connections {
        @Test func `pods reach each other, the node, the outside and themselves`() async throws {
            let lab = try lab()
            let manifest = ServiceLab.web("web", replicas: 2) + ServiceLab.toolsPod
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            try await lab.wait("condition=Ready", "pod/tools")
            let addresses = try await lab.value("pods -l app=web", path: "{.items[*].status.podIPs[*].ip}")
                .split(separator: " ").map(String.init)
            try #require(addresses.count == 4, "two families: \(addresses)")
            for address in addresses {
                let host = address.contains(":") ? "[\(address)]" : address
                let answer = try await lab.inside(
                    "tools", "curl", "-sS", "-g", "--max-time", "5", "http://\(host):8000/")
                #expect(answer.output.hasPrefix("myapp 1.4.2"), "pod to pod \(address): \(answer)")
                #expect(try await lab.get(.node, "http://\(host):8000/") != nil, "node to pod \(address)")
            }
            // Outside: the client's namespace, which has no route to pods, so that only masqueraded packets come back.
            let outside = try lab.beside(.client, "\(Node.programs)/responder", "udp", "7001")
            let node = try lab.beside(
                .node, "python3", "-m", "http.server", "--bind", TestNetwork.nodeAddress, "7002", "--directory",
                "/proc/self/fdinfo")
            for (target, port, source) in [
                (TestNetwork.clientAddress, "7001", TestNetwork.nodeAddress),
                (TestNetwork.clientAddress6, "7001", TestNetwork.nodeAddress6),
            ] {
                try await EndToEnd.eventually("pod to outside \(target)") {
                    let said = try await lab.ask("tools", target, port)
                    return (said.contains(" \(source)\n"), said)
                }
            }
            try await EndToEnd.eventually("pod to node") {
                let answer = try await lab.inside(
                    "tools", "curl", "-sS", "--max-time", "2", "http://\(TestNetwork.nodeAddress):7002/")
                return (answer.output.contains("Directory listing"), "\(answer)")
            }
            _ = await outside.stop(deadline: .seconds(2))
            _ = await node.stop(deadline: .seconds(2))
            // To itself through its own service: with one replica there is nobody else.
            try await lab.node.kubectl("scale", "deployment/web", "--replicas", "1").requireSuccess()
            try await EndToEnd.eventually("one is left") {
                let pods = try await lab.node.kubectl("get", "pods", "-l", "app=web", "-o", "name")
                return (pods.lines.count == 1, "\(pods)")
            }
            let uid = try await lab.value("pods -l app=web", path: "{.items[0].metadata.uid}")
            for cluster in try await lab.value("service web", path: "{.spec.clusterIPs[*]}").split(separator: " ") {
                let pid = try #require(lab.node.processes(ofPod: uid).first)
                let host = cluster.contains(":") ? "[\(cluster)]" : "\(cluster)"
                let answer = try await Command.run(
                    "/usr/bin/env",
                    ["nsenter", "-t", "\(pid)", "-n", "--", "curl", "-sS", "-g", "--max-time", "5", "http://\(host)/"])
                #expect(answer.output.hasPrefix("myapp"), "hairpin by \(cluster): \(answer)")
            }
            try await lab.remove(manifest)
        }

        @Test func `pods have the uplink's MTU, one address of a family and a default route`() async throws {
            let lab = try lab()
            try await lab.apply(ServiceLab.toolsPod)
            try await lab.wait("condition=Ready", "pod/tools")
            let links = try await lab.inside("tools", "ip", "link", "show", "eth0")
            #expect(links.output.contains("mtu \(TestNetwork.mtu)"), "\(links)")
            let addresses = try await lab.inside("tools", "ip", "address", "show", "eth0")
            let own = try await lab.value("pod tools", path: "{.status.podIPs[*].ip}").split(separator: " ")
            try #require(own.count == 2)
            #expect(addresses.output.contains("inet \(own[0])/32"), "\(addresses)")
            #expect(addresses.output.contains("inet6 \(own[1])/128"), "\(addresses)")
            // The largest packet that the uplink takes goes through unbroken.
            let ping = try await lab.inside(
                "tools", "ping", "-c", "1", "-W", "3", "-s", "\(TestNetwork.mtu - 28)", TestNetwork.nodeAddress)
            #expect(ping.code == 0, "\(ping)")
            try await lab.remove(ServiceLab.toolsPod)
        }

        @Test func `every kind of service leads to its pods`() async throws {
            let lab = try lab()
            let manifest =
                ServiceLab.web("web", replicas: 3, nodePort: 30090) + ServiceLab.toolsPod + """
                    apiVersion: v1
                    kind: Service
                    metadata: {name: balanced}
                    spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 8081, targetPort: 8000}]}
                    ---
                    apiVersion: v1
                    kind: Service
                    metadata: {name: empty}
                    spec: {type: NodePort, selector: {app: nobody}, ports: [{port: 80, nodePort: 30091}]}
                    ---
                    apiVersion: v1
                    kind: Service
                    metadata: {name: sticky}
                    spec:
                      selector: {app: web}
                      sessionAffinity: ClientIP
                      ports: [{port: 80, targetPort: 8000}]
                    ---

                    """
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            try await lab.wait("condition=Ready", "pod/tools")
            let cluster = try await lab.value("service web", path: "{.spec.clusterIP}")
            let web = try await lab.inside("tools", "curl", "-sS", "--max-time", "5", "http://web/")
            #expect(web.output.hasPrefix("myapp"), "by name: \(web)")
            for (place, url) in [
                (TestNetwork.Place.node, "http://\(cluster)/"), (.node, "http://127.0.0.1:30090/"),
                (.node, "http://\(TestNetwork.nodeAddress):30090/"),
                (.client, "http://\(TestNetwork.nodeAddress):30090/"),
                (.client, "http://[\(TestNetwork.nodeAddress6)]:30090/"),
                (.client, "http://\(TestNetwork.nodeAddress):8081/"),
            ] {
                #expect(try await lab.get(place, url)?.hasPrefix("myapp") == true, "\(url) from \(place)")
            }
            let balanced = try await lab.value("service balanced", path: "{.status.loadBalancer.ingress[0].ip}")
            #expect(balanced == TestNetwork.nodeAddress)

            // Evenly: of 600 connections each of three pods gets 200, and less than 140 only once in a million times.
            var counts: [String: Int] = [:]
            let spread = try await lab.inside(
                "tools", "sh", "-c", "for i in $(seq 600); do curl -s http://\(cluster)/; done", deadline: .seconds(120)
            )
            for line in spread.lines where line.hasPrefix("hostname:") { counts[line, default: 0] += 1 }
            #expect(counts.count == 3 && counts.values.allSatisfy { $0 > 140 }, "\(counts)")

            // Without endpoints a connection is refused, not left to time out.
            let empty = try await lab.value("service empty", path: "{.spec.clusterIP}")
            for (place, url) in [
                (TestNetwork.Place.node, "http://\(empty)/"), (.client, "http://\(TestNetwork.nodeAddress):30091/"),
            ] {
                let refused = try await lab.network.run(place, "curl", "-sS", "--max-time", "3", url)
                #expect(refused.code == 7, "CURLE_COULDNT_CONNECT from \(place): \(refused)")
            }
            let refused = try await lab.inside("tools", "curl", "-sS", "--max-time", "3", "http://empty/")
            #expect(refused.code == 7, "from a pod: \(refused)")

            let sticky = try await lab.inside(
                "tools", "sh", "-c", "for i in $(seq 30); do curl -s http://sticky/ | grep hostname; done")
            #expect(sticky.lines.count == 30 && Set(sticky.lines).count == 1, "\(sticky)")
            try await lab.remove(manifest)
        }

        @Test func `several named ports, UDP, hand-made endpoints and host ports`() async throws {
            let lab = try lab()
            let udp = ServiceLab.pod(
                "echo", image: "responder", command: "[/bin/responder, udp, \"7000\"]", labels: "{app: echo}",
                more: "ports: [{name: echo, containerPort: 7000, hostPort: 7070, protocol: UDP}]")
            let manifest =
                udp + ServiceLab.web("web", replicas: 1) + ServiceLab.toolsPod + """
                    apiVersion: v1
                    kind: Service
                    metadata: {name: echo}
                    spec:
                      selector: {app: echo}
                      ports:
                      - {name: first, port: 53, targetPort: echo, protocol: UDP}
                      - {name: second, port: 54, targetPort: 7000, protocol: UDP}
                    ---
                    apiVersion: v1
                    kind: Service
                    metadata: {name: by-hand}
                    spec: {ports: [{name: http, port: 8080}]}
                    ---
                    apiVersion: discovery.k8s.io/v1
                    kind: EndpointSlice
                    metadata: {name: by-hand-1, labels: {kubernetes.io/service-name: by-hand}}
                    addressType: IPv4
                    ports: [{name: http, port: 7003, protocol: TCP}]
                    endpoints: [{addresses: [\(TestNetwork.clientAddress)]}]
                    ---

                    """
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            for name in ["tools", "echo"] { try await lab.wait("condition=Ready", "pod/\(name)") }
            let cluster = try await lab.value("service echo", path: "{.spec.clusterIP}")
            for port in ["53", "54"] {
                try await EndToEnd.eventually("port \(port) of echo answers") {
                    let said = try await lab.ask("tools", cluster, port)
                    return (said.contains("\necho "), said)
                }
            }
            let byPort = try await lab.network.run(
                .client, "\(Node.programs)/responder", "ask", TestNetwork.nodeAddress, "7070")
            #expect(byPort.output.hasPrefix("echo "), "host port: \(byPort)")

            // A server outside of the cluster, by the address that somebody wrote into a slice.
            let server = try lab.beside(
                .client, "python3", "-m", "http.server", "--bind", TestNetwork.clientAddress, "7003", "--directory",
                "/proc/self/fdinfo")
            try await EndToEnd.eventually("the hand-made endpoint answers") {
                let answer = try await lab.inside("tools", "curl", "-sS", "--max-time", "2", "http://by-hand:8080/")
                return (answer.output.contains("Directory listing"), "\(answer)")
            }
            _ = await server.stop(deadline: .seconds(2))
            try await lab.remove(manifest)
        }

        @Test func `200 services with 10 endpoints each lead to all of them`() async throws {
            let lab = try lab()
            let web = ServiceLab.web("web", replicas: 10)
            try await lab.apply(web)
            let services = (0..<200).map { number in
                """
                apiVersion: v1
                kind: Service
                metadata: {name: many-\(number), labels: {test: many}}
                spec: {selector: {app: web}, ports: [{port: \(1000 + number), targetPort: 8000}]}
                ---

                """
            }.joined()
            try await lab.node.kubectl("apply", "-f", "-", input: services, deadline: .seconds(120)).requireSuccess()
            try await lab.rolledOut("web")
            let list = try await lab.value(
                "services -l test=many", path: "{range .items[*]}{.spec.clusterIP} {.spec.ports[0].port}{\"\\n\"}{end}")
            let targets = list.split(separator: "\n").map(String.init)
            try #require(targets.count == 200)
            try await EndToEnd.eventually("every service has its ten endpoints") {
                let slices = try await lab.value(
                    "endpointslices -l test=many",
                    path: "{range .items[*]}{.endpoints[*].addresses[0]}{\"\\n\"}{end}")
                let full = slices.split(separator: "\n").filter { $0.split(separator: " ").count == 10 }
                return (full.count == 200, "\(full.count)")
            }
            // 150 connections miss one of ten endpoints once in 700,000 services.
            let script = """
                import socket, sys, collections
                for line in sys.stdin.read().splitlines():
                    address, port = line.split()
                    seen = set()
                    for _ in range(150):
                        s = socket.create_connection((address, int(port)), timeout=5)
                        s.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
                        data = b""
                        while True:
                            part = s.recv(4096)
                            if not part: break
                            data += part
                        s.close()
                        seen.update(l for l in data.decode().splitlines() if l.startswith("hostname:"))
                    print(address, port, len(seen))
                """
            let checked = try await lab.network.run(
                .node, "python3", "-c", script, input: list, deadline: .seconds(240))
            #expect(checked.lines.count == 200, "\(checked.errors)")
            #expect(checked.lines.allSatisfy { $0.hasSuffix(" 10") }, "\(checked)")
            try await lab.remove(services + web)
        }
    }
}

extension ServiceLab {
    /// Runs a program beside the test.
    func beside(_ place: TestNetwork.Place, _ words: String...) throws -> BackgroundProcess {
        try BackgroundProcess(network.words(place) + words)
    }

    /// Sends a datagram from a pod of the image `tools`, and answers what came back.
    func ask(_ pod: String, _ address: String, _ port: String) async throws -> String {
        try await responder(pod, "ask", address, port).description
    }
}
