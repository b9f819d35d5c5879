import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// What containers use, as every client asks for it. Cgroup controllers may be missing here: what is compared is what
    /// every host counts.
    @Suite struct Statistics {
        private static let manifest = """
            apiVersion: v1
            kind: Pod
            metadata: {name: measured, labels: {app: measured}}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - name: spin
                image: busybox
                command: [sh, -c, "while :; do :; done"]
              - name: idle
                image: busybox
                command: [sh, -c, "head -c 300000 /dev/zero > /file; echo a line; exec sleep 100000"]
            """

        /// Runs the body while the pod's containers run.
        private func measured(_ body: (Node) async throws -> Void) async throws {
            let node = try EndToEnd.node()
            let created = try await node.cli("apply", "-f", "-", input: Self.manifest)
            #expect(created.code == 0, "\(created)")
            do {
                try await eventually("both containers run") {
                    let pods = try await EndToEnd.pods(node, "app=measured")
                    return (pods.first?.isReady == true, "\(pods)")
                }
                try await body(node)
            } catch {
                try await node.cli("delete", "pod", "measured")
                throw error
            }
            #expect(try await node.cli("delete", "pod", "measured").code == 0)
        }

        private func raw(_ node: Node, _ path: String) async throws -> CommandResult {
            try await node.kubectl("get", "--raw", "/api/v1/nodes/e2e/proxy/\(path)")
        }

        @Test(.enabled(if: hasKubectl, kubectlReason))
        func `the node's statistics are served as a kubelet's, and kubectl top shows them`() async throws {
            try await measured { node in
                let summary = try await raw(node, "stats/summary")
                #expect(summary.code == 0, "\(summary)")
                let json = try #require(
                    try JSONSerialization.jsonObject(with: Data(summary.output.utf8)) as? [String: Any])
                let pods = try #require(json["pods"] as? [[String: Any]])
                let pod = try #require(
                    pods.first { ($0["podRef"] as? [String: Any])?["name"] as? String == "measured" })
                let containers = try #require(pod["containers"] as? [[String: Any]])
                #expect(containers.map { $0["name"] as? String } == ["idle", "spin"])
                func number(_ element: [String: Any]?, _ part: String, _ key: String) -> Double {
                    ((element?[part] as? [String: Any])?[key] as? NSNumber)?.doubleValue ?? -1
                }
                // It spins; how fast depends on who else runs.
                #expect(number(containers.last, "cpu", "usageNanoCores") > 10_000_000, "\(summary)")
                #expect(number(containers.first, "cpu", "usageNanoCores") < 10_000_000, "\(summary)")
                for container in containers { #expect(number(container, "memory", "workingSetBytes") > 100_000) }
                // The file that it has written, and the line that it has said.
                #expect(number(containers.first, "rootfs", "usedBytes") >= 300_000)
                #expect(number(containers.first, "logs", "usedBytes") > 0)
                #expect(number(pod, "network", "rxBytes") >= 0)

                let resource = try await raw(node, "metrics/resource")
                #expect(resource.output.contains("\nresource_scrape_error 0\n"), "\(resource)")
                #expect(
                    resource.lines.contains {
                        $0.hasPrefix("container_cpu_usage_seconds_total{container=\"spin\"")
                            && $0.contains("pod=\"measured\"")
                    }, "\(resource)")
                let cadvisor = try await raw(node, "metrics/cadvisor")
                #expect(
                    cadvisor.lines.contains {
                        $0.hasPrefix("container_start_time_seconds{container=\"idle\",id=\"/minikube-lite-e2e-")
                            && $0.contains("image=\"busybox")
                    }, "\(cadvisor)")
                #expect(try await raw(node, "healthz").output == "ok")
                let missing = try await raw(node, "stats/nothing")
                #expect(missing.code == 1 && missing.errors.contains("NotFound"), "\(missing)")

                let top = try await node.kubectl("top", "pod", "measured", "--containers")
                #expect(top.code == 0, "\(top)")
                let rows = top.lines.dropFirst().map { $0.split(separator: " ").map(String.init) }
                #expect(
                    rows.map { $0.prefix(2).joined(separator: "/") } == ["measured/idle", "measured/spin"], "\(top)")
                // Thousandths of a core, and neither of them none.
                let spin = try #require(rows.last)
                #expect(try #require(Int(spin[2].dropLast())) > 10 && spin[2].hasSuffix("m"), "\(top)")
                let nodes = try await node.kubectl("top", "node")
                #expect(nodes.code == 0 && nodes.lines.last?.hasPrefix("e2e ") == true, "\(nodes)")
            }
        }

        @Test func `top prints one table where there is no terminal`() async throws {
            try await measured { node in
                let pods = try await node.cli("top")
                #expect(pods.code == 0, "\(pods)")
                let header = try #require(pods.lines.first { $0.hasPrefix("NAMESPACE") })
                for title in ["POD", "CONTAINER", "CPU", "THR%", "MEMORY", "PEAK", "PSI10", "OOM", "RST"] {
                    #expect(header.contains(title))
                }
                let rows = pods.lines.filter { $0.contains(" measured ") }.map {
                    $0.split(separator: " ").map(String.init)
                }
                // The busiest comes first.
                #expect(rows.map { $0[2] } == ["spin", "idle"], "\(pods)")
                let nodes = try await node.cli("top", "node", "--once", "--interval", "0.3")
                #expect(nodes.lines.contains { $0.hasPrefix("kubelet ") }, "\(nodes)")
                #expect(try await node.cli("top", "--interval", "0").code == 64)
                let other = try await node.cli("top", "-n", "kube-system", "--interval", "0.2")
                #expect(other.code == 0 && !other.output.contains("measured"), "\(other)")
            }
        }

        @Test(arguments: [SIGTERM, SIGHUP, 0]) func `top gives the terminal back`(_ signal: Int32) async throws {
            let node = try EndToEnd.node()
            let terminal = try PseudoTerminal()
            let before = terminal.flags
            let process = try ChildProcess(
                ["\(Node.programs)/minikube-lite", "top", "--interval", "0.2"],
                environment: ["KUBECONFIG": node.kubeconfig, "TERM": "xterm"], input: terminal.inside,
                output: terminal.inside, errors: terminal.inside)
            try await eventually("the table is there") {
                let text = terminal.text
                return (text.contains("\u{1B}[?1049h") && text.contains("q quit"), text)
            }
            #expect(terminal.flags != before)
            terminal.press("?")
            try await eventually("help is there") { (terminal.text.contains("this help"), terminal.text) }
            if signal == 0 { terminal.press("q") } else { process.signal(signal) }
            let exit = await process.exit
            #expect(terminal.flags == before)
            try await eventually("the screen is given back") {
                (terminal.text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"), terminal.text)
            }
            // Who waits sees what has ended it.
            #expect(exit.signal == signal)
            #expect(exit.code == (signal == 0 ? 0 : 128 + signal))
        }
    }
}
