import Foundation
import NodeHarness
import Testing

extension EndToEnd.Services {
    /// What names mean inside pods, asked by the resolvers of glibc, musl and busybox and by dig.
    @Suite struct Names {
        private static let objects =
            ServiceLab.web("web", replicas: 2) + ServiceLab.toolsPod
            + ServiceLab.pod(
                "named", image: "tools", command: "[sleep, infinity]", labels: "{app: named}",
                spec: "hostname: first\nsubdomain: headless")
                + """
                apiVersion: v1
                kind: Service
                metadata: {name: headless}
                spec: {clusterIP: None, selector: {app: named}, ports: [{name: http, port: 80}]}
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: outside}
                spec: {type: ExternalName, externalName: www.outside.test}
                ---

                """

        @Test func `names of services, pods and the outside`() async throws {
            let lab = try lab()
            let upstream = try lab.beside(.client, "\(Node.programs)/responder", "dns", "53")
            try await lab.apply(Self.objects)
            try await lab.rolledOut("web")
            for name in ["tools", "named"] { try await lab.wait("condition=Ready", "pod/\(name)") }
            let cluster = try await lab.value("service web", path: "{.spec.clusterIPs[*]}")
                .split(separator: " ").map(String.init)
            try #require(cluster.count == 2)
            let named = try await lab.value("pod named", path: "{.status.podIP}")

            // The libraries' resolvers, with search domains and ndots from the pod's resolv.conf.
            for name in ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local"] {
                let glibc = try await lab.inside("tools", "getent", "ahosts", name)
                #expect(glibc.output.contains(cluster[0]) && glibc.output.contains(cluster[1]), "\(glibc)")
                let answer = try await lab.responder("tools", "resolve", name, "80")
                #expect(Set(answer.lines) == Set(cluster), "\(answer)")
                let busybox = try await lab.inside("tools", "nslookup", name)
                // Debian's busybox asks for a name as it is, without the search domains.
                if name.hasSuffix("local") { #expect(busybox.output.contains(cluster[0]), "\(busybox)") }
            }
            let missing = try await lab.responder("tools", "resolve", "nobody", "80")
            #expect(missing.code == 2, "\(missing)")
            let missing2 = try await lab.inside("tools", "getent", "hosts", "nobody")
            #expect(missing2.code == 2, "\(missing2)")

            func dig(_ words: String...) async throws -> CommandResult {
                try await lab.inside("tools", ["dig", "+time=3", "+tries=2"] + words)
            }
            let domain = "default.svc.cluster.local"
            #expect(try await dig("+short", "A", "web.\(domain)").lines == [cluster[0]])
            #expect(try await dig("+short", "AAAA", "web.\(domain)").lines == [cluster[1]])
            let srv = try await dig("+short", "SRV", "_http._tcp.web.\(domain)").lines
            #expect(srv == ["0 100 80 web.\(domain)."], "\(srv)")
            #expect(try await dig("+short", "-x", cluster[0]).lines == ["web.\(domain)."])
            #expect(try await dig("+short", "A", "headless.\(domain)").lines == [named])
            #expect(try await dig("+short", "A", "first.headless.\(domain)").lines == [named])
            #expect(try await dig("+short", "-x", named).lines == ["first.headless.\(domain)."])
            let external = try await dig("+short", "A", "outside.\(domain)").lines
            #expect(external == ["www.outside.test.", "203.0.113.7"], "\(external)")
            #expect(try await dig("+short", "A", "kubernetes.\(domain)").lines.count == 1)

            // NXDOMAIN where the name is not there, NODATA where it is but has no such record.
            for (name, type, status) in [
                ("nobody.\(domain)", "A", "NXDOMAIN"), ("web.nowhere.svc.cluster.local", "A", "NXDOMAIN"),
                ("web.\(domain)", "MX", "NOERROR"), (domain, "A", "NOERROR"), ("svc.cluster.local", "A", "NOERROR"),
                ("headless.\(domain)", "MX", "NOERROR"), ("missing.outside.test", "A", "NXDOMAIN"),
            ] {
                let answer = try await dig(type, name)
                #expect(answer.output.contains("status: \(status)"), "\(name) \(type): \(answer)")
                #expect(answer.output.contains("ANSWER: 0"), "\(name) \(type): \(answer)")
            }
            #expect(try await dig("+short", "+tcp", "A", "web.\(domain)").lines == [cluster[0]])
            #expect(try await dig("+short", "+noedns", "A", "web.\(domain)").lines == [cluster[0]])

            // Others come from the host's resolvers, and once asked from the cache.
            for _ in 0..<3 { #expect(try await dig("+short", "A", "www.example.test").lines == ["203.0.113.7"]) }
            let asked = upstream.output.split(separator: "\n").filter {
                $0.lowercased().hasPrefix("question www.example")
            }
            #expect(asked.count == 1, "\(upstream.output)")
            _ = await upstream.stop(deadline: .seconds(2))
            try await lab.remove(Self.objects)
        }

        @Test func `answers that are too long for a datagram come by TCP`() async throws {
            let lab = try lab()
            let endpoints = (1...80).map { "  - {addresses: [198.51.100.\($0)], conditions: {ready: true}}" }
                .joined(separator: "\n")
            let manifest =
                ServiceLab.toolsPod + """
                    apiVersion: v1
                    kind: Service
                    metadata: {name: long}
                    spec: {clusterIP: None, ports: [{port: 80}]}
                    ---
                    apiVersion: discovery.k8s.io/v1
                    kind: EndpointSlice
                    metadata: {name: long-1, labels: {kubernetes.io/service-name: long}}
                    addressType: IPv4
                    ports: [{port: 80}]
                    endpoints:
                    \(endpoints)
                    ---

                    """
            try await lab.apply(manifest)
            try await lab.wait("condition=Ready", "pod/tools")
            let name = "long.default.svc.cluster.local"
            try await EndToEnd.eventually("the headless service has 80 addresses") {
                let answer = try await lab.inside("tools", "dig", "+short", "A", name)
                return (Set(answer.lines).count == 80, "\(answer)")
            }
            let cut = try await lab.inside("tools", "dig", "+ignore", "+noedns", "A", name)
            #expect(cut.output.contains("flags: qr aa tc"), "\(cut)")
            let glibc = try await lab.inside("tools", "getent", "ahostsv4", name)
            #expect(Set(glibc.lines.compactMap { $0.split(separator: " ").first }).count == 80, "\(glibc)")
            try await lab.remove(manifest)
        }

        @Test func `garbage is no end of the name server`() async throws {
            let lab = try lab()
            try await lab.apply(ServiceLab.toolsPod)
            try await lab.wait("condition=Ready", "pod/tools")
            let server = try await lab.value("service kube-dns -n kube-system", path: "{.spec.clusterIP}")
            let script = """
                import os, random, socket
                random.seed(4)
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                loop = bytes.fromhex("123401000001000000000000c00c00010001")
                for i in range(3000):
                    s.sendto(random.randbytes(random.randrange(0, 600)), ("\(server)", 53))
                    s.sendto(loop, ("\(server)", 53))
                for i in range(50):
                    t = socket.create_connection(("\(server)", 53), timeout=5)
                    t.sendall(random.randbytes(random.randrange(1, 600)))
                    t.close()
                """
            try await lab.network.run(.node, "python3", "-c", script).requireSuccess()
            let answer = try await lab.inside("tools", "dig", "+short", "kubernetes.default.svc.cluster.local")
            #expect(answer.lines.count == 1, "\(answer)")
            try await lab.remove(ServiceLab.toolsPod)
        }
    }
}

extension ServiceLab {
    func inside(_ pod: String, _ words: [String], deadline: Duration = .seconds(30)) async throws -> CommandResult {
        try await node.inside(try await value("pod", pod, path: "{.metadata.uid}"), words, deadline: deadline)
    }

    /// Runs the responder inside a pod, which gets a copy of it: linked with musl, whose resolver is another than glibc's,
    /// and so small that it needs nothing of where it runs.
    func responder(_ pod: String, _ words: String...) async throws -> CommandResult {
        let uid = try await value("pod", pod, path: "{.metadata.uid}")
        guard let pid = node.processes(ofPod: uid).first else { throw Failure("no process of pod \(pod) runs") }
        let copy = "/proc/\(pid)/root/responder"
        if !FileManager.default.fileExists(atPath: copy) {
            try await Command.run(
                "/usr/bin/env",
                [
                    "musl-gcc", "-static", "-D_GNU_SOURCE", "-O1", "-o", copy,
                    "\(Node.repository)/Tests/responder/main.c",
                ]
            ).requireSuccess()
        }
        return try await node.inside(uid, ["/responder"] + words)
    }
}
