import Foundation
import KubernetesAPI
import Logging
import PodRuntime
import Synchronization
import Testing

@testable import Laboratory

@Suite struct ExperimentRunTests {
    private func experiment(_ spec: String, vary: String = "[{env: COUNT, values: [1, 2]}]") throws -> Experiment {
        let text = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: test}
            spec:
              question: Does it work?
              template: {spec: {containers: [{name: main, image: workload}]}}
              repeat: 2
              seed: 4
              vary: \(vary)
              \(spec)
            """
        return try ExperimentFile.parse(Array(text.utf8), folder: "/")
    }

    private func withFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }

    private static let capabilities = HostCapabilities(
        controllers: ["cpu", "memory"], missing: ["pids": "it is bound to v1"], memoryBytes: 1 << 30, cpuCount: 2,
        kernelRelease: "6.1", bootID: "boot")

    private func run(
        _ experiment: Experiment, _ folder: String, _ cluster: FakeCluster, restart: Bool = false,
        allowUnenforced: Bool = false
    ) async throws -> ExperimentRun.Summary {
        var options = ExperimentRun.Options()
        options.restart = restart
        options.allowUnenforced = allowUnenforced
        return try await ExperimentRun(
            experiment: experiment, folder: folder, client: APIClient(transport: cluster), instruments: cluster,
            capabilities: Self.capabilities, options: options, logger: Logger(label: "test")
        ).run { _ in }
    }

    private func trials(_ folder: String) throws -> [ExperimentTrial] { try ResultFolder.open(folder).read().trials }

    @Test func trialsRunOneByOneAndLeaveNothing() async throws {
        let cluster = FakeCluster { pod in
            let value = pod.spec.containers[0].env.first { $0.name == "COUNT" }?.value ?? ""
            return .init(
                course: .ends(code: 0, reason: "Completed"), output: ["hello", "speed=1 x=2", "speed=\(value)0"],
                sample: ["memory.peak": 4096, "cpu.stat usage_usec": 500_000])
        }
        let experiment = try experiment("measure: [{printed: speed, unit: m/s, better: higher}]")
        try await withFolder { folder in
            let summary = try await run(experiment, folder, cluster)
            #expect(summary.trials == 4 && summary.broken == 0 && !summary.isInterrupted)
            #expect(cluster.left == [])
            #expect(cluster.mostAtOnce == 1)
            let names = cluster.created.map(\.metadata.name)
            #expect(names == ["trial-1", "trial-2", "trial-3", "trial-4"])
            #expect(cluster.created.allSatisfy { $0.metadata.namespace == "experiment-test" })
            let trials = try trials(folder)
            #expect(trials.map(\.outcome) == Array(repeating: .completed, count: 4))
            for trial in trials {
                #expect(trial.measures["speed"] == (trial.values["COUNT"]?.number ?? 0) * 10)
                #expect(trial.measures["memory.peak"] == 4096)
                #expect(trial.measures["cpu_time"] == 0.5)
                #expect(trial.exitCode == 0)
            }
            var samples: [ExperimentSample] = []
            try ResultFolder.open(folder).forEachSample { samples.append($0) }
            // One row of the cgroup and two printed values for each trial.
            #expect(samples.count == 12)
            #expect(Set(samples.map(\.trial)) == [1, 2, 3, 4])
        }
    }

    @Test func outcomes() async throws {
        let cluster = FakeCluster { pod in
            switch pod.spec.containers[0].env[0].value {
            case "1": .init(course: .ends(code: 137, reason: "OOMKilled"))
            case "2": .init(course: .ends(code: 3, reason: "Error"))
            case "3": .init(course: .waits(reason: "ErrImagePull", message: "no such image"))
            case "4": .init(course: .isRefused("Pod \"trial\" is invalid: spec: no"))
            case "5": .init(course: .ends(code: 0, reason: "Completed"), sample: ["memory.events oom_kill": 2])
            default: .init(course: .runs)
            }
        }
        let experiment = try experiment(
            "timeout: 1s", vary: "[{env: COUNT, values: [1, 2, 3, 4, 5, 6]}]")
        try await withFolder { folder in
            let summary = try await run(experiment, folder, cluster)
            #expect(summary.trials == 12 && summary.broken == 4)
            #expect(cluster.left == [])
            var found: [Double: ExperimentTrial] = [:]
            for trial in try trials(folder) { found[trial.values["COUNT"]?.number ?? 0] = trial }
            #expect(found[1]?.outcome == .oomKilled && found[1]?.exitCode == 137)
            #expect(found[2]?.outcome == .failed && found[2]?.reason == "exit code 3")
            #expect(found[3]?.outcome == .broken && found[3]?.reason == "main: ErrImagePull: no such image")
            #expect(found[4]?.outcome == .broken && found[4]?.reason == "Pod \"trial\" is invalid: spec: no")
            #expect(found[5]?.outcome == .oomKilled && found[5]?.reason == "2 of its processes were killed")
            #expect(found[6]?.outcome == .timedOut && found[6]?.reason == "still running after 1 s")
        }
    }

    @Test func aWorkloadThatDoesNotEndIsStoppedAfterItsDuration() async throws {
        let cluster = FakeCluster { _ in .init(course: .runs) }
        let experiment = try experiment("duration: 100ms")
        try await withFolder { folder in
            _ = try await run(experiment, folder, cluster)
            #expect(try trials(folder).allSatisfy { $0.outcome == .completed && $0.exitCode == nil })
            #expect(cluster.left == [])
        }
    }

    @Test func aTrialEndsWithItsLoad() async throws {
        let inPod = FakeCluster { _ in .init(course: .runs, load: (0, "Completed")) }
        try await withFolder { folder in
            _ = try await run(experiment("load: {container: {image: workload}}"), folder, inPod)
            #expect(try trials(folder).map(\.outcome) == Array(repeating: .completed, count: 4))
            #expect(inPod.created[0].spec.containers.map(\.name) == ["main", "load"])
        }
        let onHost = FakeCluster(hostLoad: (0, ["rps=7"])) { _ in .init(course: .runs) }
        try await withFolder { folder in
            let file = "load: {command: [hit, \"http://$(POD_IP)/\"]}\n  measure: [{printed: rps, from: load}]"
            _ = try await run(experiment(file), folder, onHost)
            #expect(onHost.loads[0] == ["hit", "http://10.0.0.9/"])
            #expect(try trials(folder).allSatisfy { $0.outcome == .completed && $0.measures["rps"] == 7 })
        }
        let failing = FakeCluster(hostLoad: (7, ["no route"])) { _ in .init(course: .runs) }
        try await withFolder { folder in
            _ = try await run(
                experiment("load: {command: [hit]}", vary: "[{env: COUNT, values: [1]}]"), folder, failing)
            #expect(try trials(folder)[0].reason == "the load ended with exit code 7: no route")
        }
    }

    @Test func neighboursRunBeside() async throws {
        let cluster = FakeCluster { pod in
            pod.metadata.name.hasSuffix("-noisy")
                ? .init(course: .runs, output: ["noise=3"]) : .init(course: .ends(code: 0, reason: "Completed"))
        }
        let experiment = try experiment(
            """
            neighbours: [{name: noisy, template: {spec: {containers: [{name: spin, image: workload}]}}}]
              measure: [{printed: noise, from: noisy}]
            """)
        try await withFolder { folder in
            _ = try await run(experiment, folder, cluster)
            #expect(cluster.created.prefix(2).map(\.metadata.name) == ["trial-1-noisy", "trial-1"])
            #expect(cluster.mostAtOnce == 2)
            #expect(cluster.left == [])
            #expect(try trials(folder).allSatisfy { $0.measures["noise"] == 3 })
        }
    }

    @Test func aSearchFindsItsAnswer() async throws {
        let cluster = FakeCluster { pod in
            let limit = pod.spec.containers[0].resources.limits["memory"]?.value ?? 0
            return .init(
                course: limit >= 48 << 20 ? .ends(code: 0, reason: "Completed") : .ends(code: 137, reason: "OOMKilled"))
        }
        let experiment = try experiment(
            "", vary: "[{knob: memory.max, bisect: {from: 16Mi, to: 128Mi, tolerance: 1Mi, for: outcome == completed}}]"
        )
        try await withFolder { folder in
            let summary = try await run(experiment, folder, cluster)
            #expect(summary.answers.count == 1)
            #expect(summary.answers[0].hasPrefix("memory.max = 4"), "\(summary.answers)")
            let folder = try ResultFolder.open(folder)
            #expect(folder.description.bisection?.condition == "outcome == completed")
            #expect(try folder.read().trials.allSatisfy { $0.holds == ($0.outcome == .completed) })
        }
    }

    // MARK: Interruption

    @Test func anInterruptedRunCleansUpAndGoesOn() async throws {
        let running = AsyncStream<Void>.makeStream()
        let count = Mutex(0)
        let cluster = FakeCluster(
            onCreate: { _ in
                if count.withLock({
                    $0 += 1; return $0
                }) == 3 {
                    running.continuation.finish()
                }
            },
            { pod in
                pod.metadata.name == "trial-3"
                    ? .init(course: .runs) : .init(course: .ends(code: 0, reason: "Completed"))
            })
        let experiment = try experiment("")
        try await withFolder { folder in
            let first = Task { try await run(experiment, folder, cluster) }
            for await _ in running.stream {}
            first.cancel()
            let interrupted = try await first.value
            #expect(interrupted.isInterrupted && interrupted.trials == 2)
            #expect(cluster.left == [])

            let healthy = FakeCluster { _ in .init(course: .ends(code: 0, reason: "Completed")) }
            let finished = try await run(experiment, folder, healthy)
            #expect(finished.trials == 4 && !finished.isInterrupted)
            #expect(healthy.created.map(\.metadata.name) == ["trial-3", "trial-4"])
            let plan = TrialPlan(experiment: experiment, seed: 4)
            var known: [ExperimentTrial] = []
            for trial in try trials(folder) {
                #expect(plan.next(after: known)?.repeatNumber == trial.repeatNumber)
                #expect(plan.next(after: known)?.values == [trial.values["COUNT"] ?? .word("")])
                known.append(trial)
            }
            // Nothing is left to do.
            let again = FakeCluster { _ in .init(course: .runs) }
            let nothing = try await run(experiment, folder, again)
            #expect(nothing.trials == 4)
            #expect(again.created.isEmpty)
        }
    }

    @Test func resultsOfAnotherFileAreNotMixed() async throws {
        let cluster = FakeCluster { _ in .init(course: .ends(code: 0, reason: "Completed")) }
        try await withFolder { folder in
            _ = try await run(experiment(""), folder, cluster)
            let other = try experiment("", vary: "[{env: COUNT, values: [1, 2, 3]}]")
            await #expect(throws: LaboratoryError.self) { try await run(other, folder, cluster) }
            let summary = try await run(other, folder, cluster, restart: true)
            #expect(summary.trials == 6)
            #expect(try trials(folder).count == 6)
        }
    }

    @Test func leftoversOfAKilledRunAreRemovedFirst() async throws {
        let cluster = FakeCluster { _ in .init(course: .ends(code: 0, reason: "Completed")) }
        let client = APIClient(transport: cluster)
        var namespace = Namespace()
        namespace.metadata.name = "experiment-test"
        namespace.metadata.labels = ["minikube-lite/experiment": "test"]
        _ = try await client.create(namespace)
        var pod = Pod()
        pod.metadata.name = "trial-9"
        pod.spec.containers = [Container()]
        _ = try await client.create(pod)
        try await withFolder { folder in
            _ = try await run(experiment(""), folder, cluster)
            #expect(cluster.mostAtOnce == 1)
            #expect(cluster.left == [])
        }
    }

    @Test func aForeignNamespaceIsNotTouched() async throws {
        let cluster = FakeCluster { _ in .init(course: .runs) }
        var namespace = Namespace()
        namespace.metadata.name = "experiment-test"
        _ = try await APIClient(transport: cluster).create(namespace)
        try await withFolder { folder in
            await #expect(throws: LaboratoryError.self) { try await run(experiment(""), folder, cluster) }
            #expect(cluster.left == ["experiment-test"])
        }
    }

    @Test func aLimitThatIsNotEnforcedIsNotMeasured() async throws {
        let cluster = FakeCluster { _ in .init(course: .ends(code: 0, reason: "Completed")) }
        let experiment = try experiment("", vary: "[{knob: pids.max, values: [10]}]")
        try await withFolder { folder in
            let error = await #expect(throws: LaboratoryError.self) { try await run(experiment, folder, cluster) }
            #expect(error?.kind == .unsupported)
            #expect(error?.problems == ["pids.max would change nothing on this node: it is bound to v1"])
            #expect(!FileManager.default.fileExists(atPath: folder))
            let summary = try await run(experiment, folder, cluster, allowUnenforced: true)
            #expect(summary.trials == 2)
        }
    }
}
