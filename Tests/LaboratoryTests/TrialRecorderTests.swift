import Foundation
import Testing

@testable import Laboratory

@Suite struct TrialRecorderTests {
    private func recorder(_ spec: String) throws -> (TrialRecorder, Experiment) {
        let text = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: test}
            spec:
              question: Does it work?
              template: {spec: {containers: [{name: main, image: workload}]}}
              vary: [{env: COUNT, values: [1]}]
              \(spec)
            """
        let experiment = try ExperimentFile.parse(Array(text.utf8), folder: "/")
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let machine = ExperimentDescription.Machine(
            hostname: "h", kernel: "6.1", architecture: "x86_64", cpus: 1, memoryBytes: 1)
        let folder = try ResultFolder.create(path, experiment.describe(machine: machine, seed: 1, commandLine: []))
        // The file is unlinked when this returns; writing goes on.
        return (TrialRecorder(trial: 1, experiment: experiment, log: try folder.sampleLog(finished: [])), experiment)
    }

    private func row(_ experiment: Experiment, _ values: [String: Double]) -> [Double?] {
        experiment.measurement.cgroupSeries.map { values[$0.name] }
    }

    @Test func countersOfAFreshCgroupBeginAtZero() throws {
        let (recorder, experiment) = try recorder("")
        recorder.started(at: 1)
        recorder.record(row(experiment, ["cpu.stat usage_usec": 100_000, "memory.current": 10]), at: 1.1)
        recorder.record(
            row(
                experiment,
                [
                    "cpu.stat usage_usec": 500_000, "memory.current": 30, "cpu.stat nr_periods": 10,
                    "cpu.stat nr_throttled": 4, "memory.pressure some total": 100_000,
                ]), at: 2)
        recorder.record(
            row(
                experiment,
                [
                    "cpu.stat usage_usec": 500_000, "memory.current": 20, "cpu.stat nr_periods": 10,
                    "cpu.stat nr_throttled": 4,
                ]), at: 3)
        let measures = recorder.measures(wallTime: 2, missedSamples: 1)
        #expect(measures["cpu_time"] == 0.5)
        #expect(measures["cpu_usage"] == 0.25)
        #expect(measures["memory.current"] == 30)
        #expect(measures["cpu_throttled_periods"] == 40)
        #expect(measures["wall_time"] == 2 && measures["missed_samples"] == 1)
        // The last row has no number of it.
        #expect(measures["memory_pressure"] == nil)
    }

    @Test func theWarmUpDoesNotCountAndNorDoesTheEnd() throws {
        let (recorder, experiment) = try recorder("warmup: 1s\n  measure: [{printed: v, take: mean}]")
        for (seconds, usage, memory) in [(0.0, 0.0, 900.0), (1, 800_000, 800), (2, 900_000, 5), (3, 1_100_000, 7)] {
            recorder.started(at: seconds)
            recorder.record(row(experiment, ["cpu.stat usage_usec": usage, "memory.current": memory]), at: seconds)
            recorder.record(printed: 0, seconds, at: seconds)
        }
        recorder.stopped(at: 3)
        recorder.record(row(experiment, ["cpu.stat usage_usec": 9_000_000, "memory.current": 999]), at: 3.5)
        let measures = recorder.measures(wallTime: nil, missedSamples: 0)
        #expect(abs((measures["cpu_time"] ?? 0) - 0.3) < 1e-9)
        #expect(abs((measures["cpu_usage"] ?? 0) - 0.15) < 1e-9)
        #expect(measures["memory.current"] == 7)
        #expect(measures["v"] == 2)
        #expect(measures["wall_time"] == nil)
    }
}
