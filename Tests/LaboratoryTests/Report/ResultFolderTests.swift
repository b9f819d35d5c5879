import Foundation
import Testing

@testable import Laboratory

@Suite struct ResultFolderTests {
    private func temporary() -> String {
        FileManager.default.temporaryDirectory.path + "/laboratory-\(UUID().uuidString)"
    }

    private func description() -> ExperimentDescription {
        ExperimentDescription(
            name: "survival", question: "How little memory?",
            factors: [ExperimentFactor(name: "memory.max", knob: "memory.max", unit: .bytes)],
            measures: [
                ExperimentMeasure(name: "wall", unit: .seconds, direction: .lowerIsBetter),
                ExperimentMeasure(name: "say \"hi\", twice", unit: .none),
            ],
            series: [SampleSeries(name: "memory.current", container: "app", unit: .bytes)], container: "app",
            repeats: 2, intervalSeconds: 0.1, seed: 7,
            machine: .init(hostname: "h", kernel: "6.1", architecture: "x86_64", cpus: 2, memoryBytes: 1 << 31),
            startedAt: Date(timeIntervalSince1970: 1_700_000_000), commandLine: ["minikube-lite", "experiment"],
            fileDigest: "sha256:00")
    }

    private func trial(_ id: Int, reason: String = "") -> ExperimentTrial {
        ExperimentTrial(
            id: id, values: ["memory.max": .number(67_108_864)], repeatNumber: 1, order: id,
            start: Date(timeIntervalSince1970: 1_700_000_000.125), end: Date(timeIntervalSince1970: 1_700_000_001.5),
            outcome: .oomKilled, reason: reason, exitCode: 137, holds: false, measures: ["wall": 1.375])
    }

    @Test func readsWhatItWrote() throws {
        let path = temporary()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try ResultFolder.create(path, description())
        let awkward = "killed, \"twice\"\nover two lines"
        let log = try folder.trialLog()
        try log.append(trial(1, reason: awkward))
        try log.append(trial(2))
        let samples = try folder.sampleLog(finished: [])
        try samples.append(trial: 1, seconds: 0.1, values: [1048576])
        try samples.append(trial: 1, seconds: 0.2000004, values: [nil])
        try samples.flush()

        let again = try ResultFolder.open(path)
        #expect(again.description == description())
        let result = try again.read()
        #expect(result.trials == [trial(1, reason: awkward), trial(2)])
        #expect(result.problems.isEmpty)
        var read: [ExperimentSample] = []
        #expect(try again.forEachSample { read.append($0) }.isEmpty)
        #expect(
            read == [
                ExperimentSample(trial: 1, seconds: 0.1, values: [1048576]),
                ExperimentSample(trial: 1, seconds: 0.2, values: [nil]),
            ])
        let header = try String(contentsOfFile: again.resultsPath, encoding: .utf8).prefix { $0 != "\n" }
        #expect(
            header == "trial,order,memory.max [B],repeat,outcome,reason,exit_code,holds,start,end,wall [s],"
                + "\"say \"\"hi\"\", twice\"")
        #expect(throws: ResultFolderError.self) { try ResultFolder.create(path, description()) }
    }

    @Test func goesOnAfterAnInterruption() throws {
        let path = temporary()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try ResultFolder.create(path, description())
        try folder.trialLog().append(trial(1))
        let samples = try folder.sampleLog(finished: [])
        try samples.append(trial: 1, seconds: 0.1, values: [1])
        try samples.append(trial: 2, seconds: 0.1, values: [2])
        try samples.flush()
        func append(_ text: String, _ file: String) throws {
            let handle = try #require(FileHandle(forWritingAtPath: file))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(text.utf8))
            try handle.close()
        }
        try append("2,2,671088", folder.resultsPath)
        try append("2,0.2,3", folder.samplesPath)

        let result = try folder.read()
        #expect(result.trials == [trial(1)])
        #expect(result.problems.count == 1 && result.problems[0].contains("incomplete"))
        #expect(try folder.forEachSample { _ in }.count == 1)

        try folder.trialLog().append(trial(2))
        let again = try folder.sampleLog(finished: [1])
        try again.append(trial: 2, seconds: 0.1, values: [4])
        try again.flush()
        #expect(try folder.read() == ExperimentResult(description: description(), trials: [trial(1), trial(2)]))
        var read: [ExperimentSample] = []
        #expect(try folder.forEachSample { read.append($0) }.isEmpty)
        #expect(read.map(\.values) == [[1], [4]])
    }

    @Test func tellsOfLinesThatSayNothing() throws {
        let path = temporary()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try ResultFolder.create(path, description())
        try folder.trialLog().append(trial(1))
        let handle = try #require(FileHandle(forWritingAtPath: folder.resultsPath))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("x,y\n".utf8))
        try handle.close()
        try folder.trialLog().append(trial(1))
        let result = try folder.read()
        #expect(result.trials.count == 1)
        #expect(
            result.problems == [
                "results.csv, line 3: 2 fields instead of 12; ignored",
                "results.csv, line 4: trial 1 is there twice; ignored",
            ])
    }

    @Test func refusesColumnsOfTheSameName() {
        var twice = description()
        twice.measures.append(ExperimentMeasure(name: "memory.max", unit: .bytes))
        #expect(throws: ResultFolderError.self) { try ResultFolder.create(temporary(), twice) }
    }

    @Test func readsHundredsOfThousandsOfSamples() {
        var reader = SampleTable.Reader(columns: 2)
        var bytes = CSV.line(["trial", "t [s]", "a", "b"])
        for index in 0..<100_000 {
            SampleTable.append(trial: 1 + index / 1000, seconds: Double(index) / 8, values: [1.5, -2e-9], to: &bytes)
        }
        var count = 0
        var sum = 0.0
        for start in stride(from: 0, to: bytes.count, by: 70_001) {
            reader.feed(Array(bytes[start..<min(start + 70_001, bytes.count)])) { sample, _ in
                count += 1
                sum += sample.values[0]! + sample.values[1]!
            }
        }
        #expect(count == 100_000)
        #expect(abs(sum - 150_000) < 1)
        #expect(!reader.isTorn && reader.unreadable == 0 && reader.end == bytes.count)
    }
}
