import Foundation
import KubernetesAPI

/// What `make bench` measures, each from outside: through the API over TLS, and by what the containers print.
struct Measurements: Sendable {
    let node: Node
    let samples: Int
    let pods: Int

    /// A pod's start and end, one at a time.
    func startAndRemoval() async throws -> [Figure] {
        var created: [Double] = []
        var started: [Double] = []
        var shown: [Double] = []
        var gone: [Double] = []
        for index in 0...samples {
            let name = "start-\(index)"
            let begun = realtime()
            let pod = try await node.client.create(node.pod(name, restartPolicy: .never))
            let answered = realtime()
            try await node.wait(for: name) { $0?.status.phase == .running }
            let running = realtime()
            let process = try await node.stamp("started", of: pod)
            let log = node.openLog(of: pod)
            try await node.delete(name)
            let removed = realtime()
            guard let log, let stopping = try Node.stamp("stopping", in: log) else {
                throw BenchmarkError("pod \(name): its program did not say when it stopped")
            }
            if index == 0 { continue }  // the first one warms caches
            created.append(milliseconds(from: begun, to: answered))
            started.append(milliseconds(from: answered, to: process))
            shown.append(milliseconds(from: answered, to: running))
            gone.append(milliseconds(from: stopping, to: removed))
        }
        return [
            Figure(name: "create call, answered", unit: "ms", samples: created),
            Figure(
                name: "create answered to the container's process running", unit: "ms", samples: started, target: "6"),
            Figure(name: "create answered to phase Running seen on a watch", unit: "ms", samples: shown),
            Figure(name: "process's end to the object gone", unit: "ms", samples: gone, target: "10"),
        ]
    }

    /// Many pods, eight create calls at once, until all run; then all deleted, until all are gone.
    func many() async throws -> [Figure] {
        let begun = realtime()
        let made = try await eachOfMany { name in
            let pod = try await node.client.create(node.pod(name, restartPolicy: .always))
            try await node.wait(for: name) { $0?.status.phase == .running }
            return pod
        }
        var last: Int64 = 0
        for pod in made { last = max(last, try await node.stamp("started", of: pod)) }
        let up = Double(pods) / (Double(last - begun) / 1e9)
        let memory = try idleCost()
        let deletion = realtime()
        _ = try await eachOfMany { name in
            try await node.delete(name)
            return Pod()
        }
        let down = Double(pods) / (Double(realtime() - deletion) / 1e9)
        return [
            Figure(name: "\(pods) pods, 8 at once, up", unit: "pods/s", samples: [up], target: "100"),
            Figure(name: "\(pods) pods, 8 at once, removed", unit: "pods/s", samples: [down]),
        ] + memory
    }

    private func eachOfMany(_ body: @Sendable @escaping (String) async throws -> Pod) async throws -> [Pod] {
        try await withThrowingTaskGroup(of: Pod.self) { group in
            var results: [Pod] = []
            for index in 0..<pods {
                if index >= 8, let pod = try await group.next() { results.append(pod) }
                group.addTask { try await body("many-\(index)") }
            }
            for try await pod in group { results.append(pod) }
            return results
        }
    }

    /// Memory of the supervisors and the agent, and the agent's CPU time over ten seconds, with all pods idle.
    private func idleCost() throws -> [Figure] {
        let shims = try String(contentsOfFile: "\(node.cgroupParent)-system/cgroup.procs", encoding: .utf8)
            .split(separator: "\n").compactMap { Int32($0) }.filter { $0 != node.agentProcess }
        let pss = try shims.map { try Self.kilobytes("Pss:", in: "/proc/\($0)/smaps_rollup") / 1024 }
        let resident = try Self.kilobytes("VmRSS:", in: "/proc/\(node.agentProcess)/status") / 1024
        let before = try Self.ticks(of: node.agentProcess)
        let window = 10.0
        Thread.sleep(forTimeInterval: window)  // the measured span itself: nothing else runs meanwhile
        let used = try Self.ticks(of: node.agentProcess) - before
        let percent = used / Double(sysconf(Int32(_SC_CLK_TCK))) / window * 100
        return [
            Figure(name: "supervisor per pod, PSS at \(shims.count) pods", unit: "MB", samples: pss, target: "0.3"),
            Figure(
                name: "agent and control plane, RSS at \(shims.count) pods", unit: "MB", samples: [resident],
                target: "60"),
            Figure(
                name: "agent and control plane, CPU when idle", unit: "% of a core", samples: [percent], target: "0.1"),
        ]
    }

    static func kilobytes(_ key: String, in path: String) throws -> Double {
        for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") where line.hasPrefix(key) {
            if let value = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) { return value }
        }
        throw BenchmarkError("\(path): no \(key)")
    }

    private static func ticks(of process: Int32) throws -> Double {
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        guard let end = stat.lastIndex(of: ")") else { throw BenchmarkError("/proc/\(process)/stat: not as expected") }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw BenchmarkError("/proc/\(process)/stat: not as expected")
        }
        return user + system
    }

    /// SIGKILL of a container's only process to its successor's first instruction; a new pod for each sample, since
    /// later crashes of one pod back off.
    func restart() async throws -> Figure {
        var times: [Double] = []
        for index in 0..<samples {
            let name = "restart-\(index)"
            let pod = try await node.client.create(node.pod(name, restartPolicy: .always))
            try await node.wait(for: name) { $0?.status.phase == .running }
            _ = try await node.stamp("started", of: pod)
            guard let process = node.processes(of: pod).first else { throw BenchmarkError("\(name): no process found") }
            let killed = realtime()
            guard kill(process, SIGKILL) == 0 else { throw BenchmarkError("kill \(process): errno \(errno)") }
            times.append(milliseconds(from: killed, to: try await node.stamp("started", of: pod, attempt: 1)))
            try await node.delete(name)
        }
        return Figure(name: "SIGKILL of the process to its successor running", unit: "ms", samples: times, target: "5")
    }

    /// `apply` of a Deployment of three with an HTTP readiness probe to 3/3 ready.
    func deployment() async throws -> Figure {
        var times: [Double] = []
        for index in 0..<max(3, samples / 3) {
            let name = "deployment-\(index)"
            let begun = realtime()
            let made = try await node.client.create(deployment(name))
            try await ready(made)
            times.append(milliseconds(from: begun, to: realtime()))
            try await node.client.delete(Deployment.self, name, namespace: Node.namespace)
            try await podsGone(of: name)
        }
        return Figure(name: "Deployment of 3 created to 3/3 ready", unit: "ms", samples: times, target: "100")
    }

    private func deployment(_ name: String) -> Deployment {
        var action = HTTPGetAction()
        action.path = "/healthz"
        action.port = 8000
        var probe = Probe()
        probe.httpGet = action
        probe.periodSeconds = 1
        var container = Container()
        container.name = "api"
        container.image = "myapp:1.4.2"
        container.readinessProbe = probe
        var template = PodTemplateSpec()
        template.metadata.labels = ["app": name]
        template.spec.containers = [container]
        template.spec.terminationGracePeriodSeconds = 1
        var selector = LabelSelector()
        selector.matchLabels = ["app": name]
        var deployment = Deployment()
        deployment.metadata.name = name
        deployment.metadata.namespace = Node.namespace
        deployment.spec.replicas = 3
        deployment.spec.selector = selector
        deployment.spec.template = template
        return deployment
    }

    private func ready(_ deployment: Deployment) async throws {
        let events = try await node.client.watch(
            Deployment.self, namespace: Node.namespace,
            options: [
                "fieldSelector": "metadata.name=\(deployment.metadata.name)",
                "resourceVersion": deployment.metadata.resourceVersion, "timeoutSeconds": "60",
            ])
        for try await event in events {
            if try Deployment(json: event.object).status.readyReplicas == 3 { return }
        }
        throw BenchmarkError("\(deployment.metadata.name): not ready within 60 s")
    }

    private func podsGone(of app: String) async throws {
        let options = ["labelSelector": "app=\(app)"]
        for _ in 0..<600 {
            if try await node.client.list(Pod.self, namespace: Node.namespace, options: options).items.isEmpty {
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BenchmarkError("\(app): pods are still there after 30 s")
    }
}
