import Foundation
import KubernetesAPI
import LinuxKernel
import PodRuntime

/// Runs one trial: neighbours, workload, load; measures; and leaves nothing behind.
struct TrialRunner: Sendable {
    let experiment: Experiment
    let client: APIClient
    let board: PodBoard
    let instruments: any TrialInstruments
    /// For writing samples that are not written by the sampler's own thread.
    let disk: BlockingPool

    /// How long a pod may take to be gone after a trial.
    static let removalPatience = Duration.seconds(60)
    /// How long the rest of a program's output may take after its end.
    static let outputPatience = Duration.seconds(5)

    /// How a trial came to its end.
    private enum End: Sendable {
        case workload(PodAssessment)
        case load(code: Int32, message: String)
        case durationElapsed
        case deadline
    }

    /// What a trial is found to be.
    private struct Verdict {
        var outcome: TrialOutcome
        var reason = ""
        var exitCode: Int32?
    }

    /// - Returns: the trial; what went wrong in it is its outcome.
    /// - Throws: `CancellationError`, and what says that no further trial would do better: the API is gone, the disk is full,
    ///   a pod cannot be removed. The trial's pods are removed before.
    func run(_ planned: TrialPlan.Planned, id: Int, order: Int, log: SampleLog) async throws -> ExperimentTrial {
        let recorder = TrialRecorder(trial: id, experiment: experiment, log: log)
        let start = TrialStart()
        let pods = TrialPods(experiment)
        let workload = pods.workload(planned.values, trial: id)
        let neighbours = pods.neighbours(planned.values, trial: id)
        let followers = followers(workload: workload, neighbours: neighbours, recorder, start)
        let observation = ObservationHolder()
        let verdict: Result<Verdict, any Error>
        do {
            verdict = .success(
                try await perform(workload, neighbours, recorder: recorder, start: start, observation: observation))
        } catch {
            verdict = .failure(error)
        }
        let end = Date()
        let stopped = start.seconds
        recorder.stopped(at: stopped)
        let facts = await observation.finish()
        if case .success = verdict {
            // What a program says at its very end is in its log only while its pod is there.
            for follower in followers where await hasEnded(follower.container, of: follower.pod) {
                await finish(follower.task)
            }
        }
        // In a task of its own: an interrupted run has to clean up as well.
        let names = [workload.metadata.name] + neighbours.map(\.metadata.name)
        let removal = await Task { await Result.catching { try await remove(names) } }.value
        for follower in followers {
            if case .success = verdict { await finish(follower.task) }
            follower.task.cancel()
            await follower.task.value
        }
        try removal.get()
        var found = try verdict.get()
        if let failure = recorder.failure { throw failure }

        let startedAt = facts.startedAt ?? recorder.startedAt
        let wallTime = startedAt.map { (facts.endedAt ?? stopped) - $0 }
        let measures = recorder.measures(wallTime: wallTime, missedSamples: facts.missedSamples)
        if found.outcome == .completed || found.outcome == .failed, let kills = measures["oom_kills"], kills > 0 {
            found.outcome = .oomKilled
            if found.reason.isEmpty { found.reason = "\(Int(kills)) of its processes were killed" }
        }
        if found.reason.isEmpty, let problem = facts.problem { found.reason = "no samples: \(problem)" }
        return ExperimentTrial(
            id: id, values: Dictionary(uniqueKeysWithValues: zip(experiment.factors.map(\.name), planned.values)),
            repeatNumber: planned.repeatNumber, order: order, start: start.date, end: end, outcome: found.outcome,
            reason: found.reason, exitCode: found.exitCode,
            holds: experiment.bisection.flatMap { $0.range.condition.holds(found.outcome, measures) },
            measures: measures)
    }

    // MARK: The course of a trial

    private func perform(
        _ workload: Pod, _ neighbours: [Pod], recorder: TrialRecorder, start: TrialStart,
        observation: ObservationHolder
    ) async throws -> Verdict {
        let deadline = start.instant + experiment.timeout
        for neighbour in neighbours {
            if let problem = try await startNeighbour(neighbour, deadline: deadline) {
                return Verdict(outcome: .broken, reason: problem)
            }
        }
        let pod: Pod
        do {
            pod = try await client.create(workload)
        } catch let error as APIError where !error.isUnreachable && error.code < 500 {
            return Verdict(outcome: .broken, reason: error.status.message)
        }
        observation.begin(
            Result {
                try instruments.observe(
                    experiment.container, of: pod, columns: experiment.measurement.cgroupSeries,
                    interval: experiment.interval, origin: start.monotonic
                ) { row in
                    recorder.started(at: row.seconds)
                    recorder.record(row.values, at: row.seconds)
                }
            })
        let end = try await waitForEnd(pod, recorder, start, deadline)
        return try await verdict(on: end, pod.metadata.name)
    }

    /// Returns when it is ready, or with what is wrong with it.
    private func startNeighbour(_ pod: Pod, deadline: ContinuousClock.Instant) async throws -> String? {
        do {
            _ = try await client.create(pod)
        } catch let error as APIError where !error.isUnreachable && error.code < 500 {
            return error.status.message
        }
        let name = pod.metadata.name
        let container = pod.spec.containers.first?.name ?? ""
        let found = try await withDeadline(deadline) {
            try await board.wait(for: name) { pod in
                switch PodAssessment(pod, container: container) {
                // Gone is what it is before the watch tells of it.
                case .waiting, .running(isReady: false), .gone: false
                case .running, .ended, .broken: true
                }
            }
        }
        guard let found else { return "the neighbour \(name) was not ready in time\(await lastWarning(name))" }
        switch PodAssessment(found, container: container) {
        case .ended(let ending): return "the neighbour \(name) ended: \(ending.message)"
        case .broken(let problem): return "the neighbour \(name): \(problem)"
        default: return nil
        }
    }

    private func waitForEnd(
        _ pod: Pod, _ recorder: TrialRecorder, _ start: TrialStart, _ deadline: ContinuousClock.Instant
    ) async throws -> End {
        let name = pod.metadata.name
        let container = experiment.container
        let uid = pod.metadata.uid
        return try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                let ended = try await board.wait(for: name) { pod in
                    // The watch may not have told of the pod yet, or still tell of one of the same name.
                    guard let pod, pod.metadata.uid == uid else { return false }
                    switch PodAssessment(pod, container: container) {
                    case .waiting, .running: return pod.metadata.deletionTimestamp != nil
                    case .ended, .broken, .gone: return true
                    }
                }
                return .workload(PodAssessment(ended, container: container))
            }
            group.addTask {
                _ = try await board.wait(for: name) { Self.isRunning($0, uid, container, ready: false) }
                recorder.started(at: start.seconds)
                guard let duration = experiment.duration else { return try await Self.never() }
                try await Task.sleep(for: duration)
                return .durationElapsed
            }
            switch experiment.load {
            case nil: break
            case .container(let load):
                group.addTask {
                    let ended = try await board.wait(for: name) { pod in
                        pod?.metadata.uid == uid && Self.termination(pod, load) != nil
                    }
                    let state = Self.termination(ended, load)
                    return .load(code: state?.exitCode ?? 1, message: state?.message ?? "")
                }
            case .host(let words):
                group.addTask {
                    let ready = try await board.wait(for: name) { Self.isRunning($0, uid, container, ready: true) }
                    return try await runLoad(words, address: ready?.status.podIP ?? "", recorder, start)
                }
            }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return .deadline
            }
            defer { group.cancelAll() }
            // There are at least three tasks in the group, and one of them is a timer.
            return try await group.next() ?? .deadline
        }
    }

    private func runLoad(
        _ words: [String], address: String, _ recorder: TrialRecorder, _ start: TrialStart
    ) async throws -> End {
        let replaced = words.map { $0.replacing("$(POD_IP)", with: address) }
        let printed = experiment.measurement.printed.enumerated().filter { $0.element.source == .hostLoad }
        let result = try await instruments.run(replaced, environment: ["POD_IP": address]) { line in
            let seconds = start.seconds
            for (key, value) in PrintedValues.parse(line[...]) {
                for (index, wanted) in printed where wanted.key == key {
                    recorder.record(printed: index, value, at: seconds)
                }
            }
        }
        return .load(code: result.code, message: result.lastLine)
    }

    private func verdict(on end: End, _ name: String) async throws -> Verdict {
        switch end {
        case .workload(.ended(let ending)): return Self.verdict(on: ending)
        case .workload(.broken(let problem)): return Verdict(outcome: .broken, reason: problem)
        case .workload: return Verdict(outcome: .broken, reason: "the pod was deleted by someone else")
        case .durationElapsed: return Verdict(outcome: .completed)
        case .load(code: 0, _): return Verdict(outcome: .completed)
        case .load(let code, let message):
            // A load fails because of the workload's end, of which the API may tell a little later.
            let container = experiment.container
            let ended = try await withDeadline(.now + .seconds(2)) {
                try await board.wait(for: name) { Self.termination($0, container) != nil }
            }
            if let ended, case .ended(let ending) = PodAssessment(ended, container: container) {
                return Self.verdict(on: ending)
            }
            let detail = message.isEmpty ? "" : ": \(message)"
            return Verdict(outcome: .broken, reason: "the load ended with exit code \(code)\(detail)")
        case .deadline:
            let timeout = DurationText.words(experiment.timeout)
            if case .running = PodAssessment(await board.pod(name), container: experiment.container) {
                return Verdict(outcome: .timedOut, reason: "still running after \(timeout)")
            }
            return Verdict(outcome: .broken, reason: "did not start within \(timeout)\(await lastWarning(name))")
        }
    }

    private static func verdict(on ending: PodAssessment.Ending) -> Verdict {
        let outcome: TrialOutcome = ending.isOOMKilled ? .oomKilled : ending.exitCode == 0 ? .completed : .failed
        return Verdict(outcome: outcome, reason: ending.message, exitCode: ending.exitCode)
    }

    private static func isRunning(_ pod: Pod?, _ uid: String, _ container: String, ready: Bool) -> Bool {
        guard let pod, pod.metadata.uid == uid, case .running(let isReady) = PodAssessment(pod, container: container)
        else { return false }
        return isReady || !ready
    }

    private static func termination(_ pod: Pod?, _ container: String) -> ContainerStateTerminated? {
        pod?.status.containerStatuses.first { $0.name == container }?.state.terminated
    }

    private static func never() async throws -> End {
        while true { try await Task.sleep(for: .seconds(86_400)) }
    }

    /// The newest warning about a pod, as ` (reason: message)`.
    private func lastWarning(_ pod: String) async -> String {
        let events = try? await client.list(
            Event.self, namespace: experiment.namespace, options: ["fieldSelector": "involvedObject.name=\(pod)"])
        let warning = events?.items.filter { $0.type == "Warning" }
            .max { ($0.lastTimestamp ?? Timestamp(seconds: 0)) < ($1.lastTimestamp ?? Timestamp(seconds: 0)) }
        return warning.map { " (\($0.reason): \($0.message))" } ?? ""
    }

    // MARK: Output

    private struct Follower {
        let pod: String
        let container: String
        let task: Task<Void, Never>
    }

    /// One for each container that prints something that is measured.
    private func followers(
        workload: Pod, neighbours: [Pod], _ recorder: TrialRecorder, _ start: TrialStart
    ) -> [Follower] {
        var wanted: [String: (pod: String, container: String, values: [Int])] = [:]
        for (index, printed) in experiment.measurement.printed.enumerated() {
            let place: (pod: String, container: String)
            switch printed.source {
            case .hostLoad: continue
            case .container(let name): place = (workload.metadata.name, name)
            case .neighbour(let name):
                guard let number = experiment.neighbours.firstIndex(where: { $0.name == name }) else { continue }
                place = (neighbours[number].metadata.name, neighbours[number].spec.containers.first?.name ?? "")
            }
            wanted["\(place.pod)/\(place.container)", default: (place.pod, place.container, [])].values.append(index)
        }
        return wanted.values.map { pod, container, values in
            Follower(
                pod: pod, container: container,
                task: Task { await follow(container, of: pod, values, recorder, start) })
        }
    }

    private func follow(
        _ container: String, of pod: String, _ values: [Int], _ recorder: TrialRecorder, _ start: TrialStart
    ) async {
        do {
            _ = try await board.wait(for: pod) { pod in
                let state = pod?.status.containerStatuses.first { $0.name == container }?.state
                return state?.running != nil || state?.terminated != nil
            }
            let stream = try await instruments.log(of: container, pod: pod, namespace: experiment.namespace)
            var rest: [UInt8] = []
            for try await bytes in stream {
                rest += bytes
                guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
                let text = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                try await record(text, values, recorder, start)
            }
            try await record(String(decoding: rest, as: UTF8.self), values, recorder, start)
        } catch {
            // A log that breaks off leaves its measures out; the trial says by itself what became of the pod.
        }
    }

    private func record(
        _ text: String, _ values: [Int], _ recorder: TrialRecorder, _ start: TrialStart
    ) async throws {
        var found: [(index: Int, value: Double, seconds: Double)] = []
        for line in text.split(separator: "\n") {
            // `2026-01-02T03:04:05.123456789Z TEXT`
            guard let space = line.firstIndex(of: " "),
                let time = try? MicroTimestamp(json: .string(String(line[..<space])))
            else { continue }
            let seconds = start.seconds(at: time)
            for (key, value) in PrintedValues.parse(line[space...]) {
                for index in values where experiment.measurement.printed[index].key == key {
                    found.append((index, value, seconds))
                }
            }
        }
        guard !found.isEmpty else { return }
        let all = found
        try await disk.run {
            for (index, value, seconds) in all { recorder.record(printed: index, value, at: seconds) }
        }
    }

    private func hasEnded(_ container: String, of pod: String) async -> Bool {
        Self.termination(await board.pod(pod), container) != nil
    }

    private func finish(_ task: Task<Void, Never>) async {
        _ = try? await withDeadline(.now + Self.outputPatience) {
            await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                task.cancel()
            }
        }
    }

    // MARK: Removal

    /// Deletes the pods and waits until they are gone.
    private func remove(_ names: [String]) async throws {
        try await PodRemoval(client: client, board: board, namespace: experiment.namespace)
            .remove(names, patience: Self.removalPatience)
    }
}

extension Result where Failure == any Error {
    fileprivate static func catching(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}
