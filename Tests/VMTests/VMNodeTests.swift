import Foundation
import NodeHarness
import Testing

/// Real limits, as a user of kubectl meets them: each against the kernel's own files and what the workload could do.
@Suite(
    .serialized, .timeLimit(.minutes(20)),
    .enabled(if: VirtualMachine.isHere, VirtualMachine.reason), StrictNode())
struct VMNodeTests {
    /// Runs a test against the suite's node, and takes its pods away however it ends: one that spins would spoil what
    /// comes after.
    private func withNode(_ body: (Node) async throws -> Void) async throws {
        let node = try #require(Node.current)
        let result: Result<Void, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        try await node.kubectl("delete", "pods", "--all", deadline: .seconds(180)).requireSuccess()
        try result.get()
    }

    // MARK: Memory

    @Test func overItsLimitAContainerIsKilledAndKubectlSaysWhy() async throws {
        try await withNode { node in
            // With one container the pod's limit would be the same, and might be met first.
            try await node.run(
                LimitedPod(
                    "oom",
                    containers: [
                        .init(name: "main", arguments: ["touch", "64"], limits: ["memory": "24Mi"]),
                        .init(name: "other", arguments: ["exit", "0"], limits: ["memory": "64Mi"]),
                    ]))
            let pod = try await node.pod("oom") { $0.phase == "Failed" }
            #expect(pod.terminated("main")?["reason"] as? String == "OOMKilled")
            #expect(pod.terminated("main")?["exitCode"] as? Int == 137)
            let told = try await node.eventually("oom", "OOMKilling")
            #expect(told.contains("container main reached its own memory limit"), "\(told)")
            #expect(told.contains("24Mi"), "\(told)")
        }
    }

    @Test func overThePodsLimitTheEventNamesThePod() async throws {
        try await withNode { node in
            var pod = LimitedPod("podoom", ["touch", "64"])
            pod.spec["resources"] = ["limits": ["memory": "32Mi"]]
            try await node.run(pod)
            let ended = try await node.pod("podoom") { $0.phase == "Failed" }
            #expect(ended.terminated("main")?["reason"] as? String == "OOMKilled")
            let told = try await node.eventually("podoom", "OOMKilling")
            #expect(told.contains("the memory limit of its pod") && told.contains("32Mi"), "\(told)")
        }
    }

    // MARK: CPU

    @Test func aSpinningContainerGetsItsQuotaWithinTenPercent() async throws {
        try await withNode { node in
            try await node.run(LimitedPod("quota", ["spin", "600"], limits: ["cpu": "200m"]))
            let pod = try await node.pod("quota") { $0.isRunning }
            let cgroup = try node.cgroup(pod, "main")
            #expect(try node.read(cgroup + "/cpu.max") == "20000 100000")
            let share = try await node.cpuUse(of: [cgroup], during: .seconds(20))[0]
            #expect(0.18...0.22 ~= share, "\(share) of a CPU, with a limit of 200m")
            #expect(try node.number(cgroup + "/cpu.stat", "nr_throttled") > 50)
            // The same is seen from outside.
            let cadvisor = try await node.kubectl("get", "--raw", "/api/v1/nodes/e2e/proxy/metrics/cadvisor")
            let throttled = cadvisor.lines.first {
                $0.hasPrefix("container_cpu_cfs_throttled_periods_total{container=\"main\"")
            }
            let count = throttled?.split(separator: "}").last?.split(separator: " ").first.flatMap { Double($0) } ?? 0
            #expect(count > 50, "\(cadvisor.output.prefix(2000))")
            let top = try await node.kubectl("top", "pod", "quota", "--no-headers", deadline: .seconds(120))
            let words = top.output.split(separator: " ")
            let used = words.count > 1 ? Int(words[1].dropLast()) ?? 0 : 0
            #expect(150...250 ~= used, "\(top)")
        }
    }

    @Test func weights100And400ShareOneCPUOneToFour() async throws {
        try await withNode { node in
            for weight in [100, 400] {
                try await node.run(
                    LimitedPod(
                        "weight\(weight)", ["spin", "600"],
                        annotations: [
                            "cgroup.minikube-lite/cpuset.cpus": "1", "cgroup.minikube-lite/cpu.weight": "\(weight)",
                        ]))
            }
            let small = try node.cgroup(try await node.pod("weight100") { $0.isRunning })
            let large = try node.cgroup(try await node.pod("weight400") { $0.isRunning })
            #expect(try node.read(large + "/cpu.weight") == "400")
            #expect(try node.read(large + "/main-0/cpuset.cpus.effective") == "1")
            let used = try await node.cpuUse(of: [small, large], during: .seconds(20))
            #expect(3.4...4.6 ~= used[1] / used[0], "\(used)")
        }
    }

    // MARK: Processes

    @Test func aForkBombIsStoppedAndTheNodeGoesOn() async throws {
        try await withNode { node in
            try await node.run(
                LimitedPod("bomb", ["bomb"], annotations: ["cgroup.minikube-lite/pids.max": "64"]))
            let pod = try await node.pod("bomb") { $0.isRunning }
            let cgroup = try node.cgroup(pod)
            try await node.eventually("the kernel has refused a fork") {
                // Before Linux 6.12 it is counted where the process forks, later where the limit is.
                let refused = try [cgroup, node.cgroup(pod, "main")].map { try node.number($0 + "/pids.events", "max") }
                    .reduce(0, +)
                return (refused > 0, "\(refused) refused")
            }
            #expect(Int(try node.read(cgroup + "/pids.current")) ?? 0 <= 64)
            // The node runs another pod beside it.
            try await node.run(LimitedPod("beside", ["exit", "0"]))
            try await node.pod("beside") { $0.phase == "Succeeded" }
            try await node.delete("bomb")
            #expect(!FileManager.default.fileExists(atPath: cgroup))
        }
    }

    // MARK: Live change

    @Test func aResizeUpLetsAContainerUseMoreWithoutARestart() async throws {
        try await withNode { node in
            try await node.run(
                LimitedPod(
                    "grow", ["stages", "8", "64"], limits: ["memory": "24Mi", "cpu": "100m"],
                    requests: ["memory": "24Mi", "cpu": "100m"]))
            let before = try await node.pod("grow") { $0.isRunning }
            let cgroup = try node.cgroup(before, "main")
            try await node.resize("grow", ["memory": "96Mi", "cpu": "400m"])
            let after = try await node.pod("grow") {
                $0.condition("PodResizeInProgress") == nil && $0.limit("memory") == "96Mi"
            }
            #expect(
                after.container("main")["containerID"] as? String == before.container("main")["containerID"] as? String)
            #expect(after.limit("cpu") == "400m")
            #expect(try node.read(cgroup + "/memory.max") == "\(96 << 20)")
            #expect(try node.read(cgroup + "/cpu.max") == "40000 100000")
            #expect(try node.read(try node.cgroup(after) + "/memory.max") == "\(96 << 20)")
            // What it could not have done before.
            let process = try #require(pid_t(try node.read(cgroup + "/cgroup.procs")))
            kill(process, SIGUSR1)
            try await node.eventually("64 MiB are in use") {
                let current = Int64(try node.read(cgroup + "/memory.current")) ?? 0
                return (current >= 64 << 20, "\(current) bytes")
            }
            // Below what is in use nothing is changed, and nothing is killed.
            try await node.resize("grow", ["memory": "32Mi"])
            let refused = try await node.pod("grow") { $0.condition("PodResizeInProgress") != nil }
            #expect(refused.condition("PodResizeInProgress")?["reason"] as? String == "Error", "\(refused)")
            #expect(try node.read(cgroup + "/memory.max") == "\(96 << 20)")
            #expect(refused.isRunning)
            // Down to what fits.
            try await node.resize("grow", ["memory": "80Mi", "cpu": "50m"])
            try await node.pod("grow") { $0.condition("PodResizeInProgress") == nil && $0.limit("memory") == "80Mi" }
            #expect(try node.read(cgroup + "/memory.max") == "\(80 << 20)")
            #expect(try node.read(cgroup + "/cpu.max") == "5000 100000")
            #expect(after.container("main")["restartCount"] as? Int == 0)
        }
    }

    // MARK: Disk

    @Test func ioMaxBoundsWritesToALoopDevice() async throws {
        try await withNode { node in
            let disk = try await LoopDevice(megabytes: 128, in: node.root)
            for (name, annotations) in [
                ("free", [:]), ("bound", ["main.cgroup.minikube-lite/io.max": "\(disk.device) wbps=1048576"]),
            ] {
                var pod = LimitedPod(name, ["write", "/disk/\(name)", "6"], annotations: annotations)
                pod.containers[0].fields["volumeMounts"] = [["name": "disk", "mountPath": "/disk"]]
                pod.spec["volumes"] = [["name": "disk", "hostPath": ["path": disk.mountPoint]]]
                try await node.run(pod)
            }
            let free = try await node.pod("free") { $0.phase == "Succeeded" }
            let bound = try await node.pod("bound") { $0.phase == "Succeeded" }
            try await node.delete("free")
            try await node.delete("bound")
            // Six MiB at one a second, the first period's credit aside.
            let seconds = try bound.runTime("main")
            #expect(seconds >= 4 && seconds <= 12, "\(seconds) s")
            #expect(try free.runTime("main") < seconds)
            try await disk.remove()
        }
    }
}
