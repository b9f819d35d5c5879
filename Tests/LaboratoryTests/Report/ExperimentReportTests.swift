import Foundation
import Testing

@testable import Laboratory

/// With LABORATORY_REPORTS=FOLDER in the environment the folders stay there, to be looked at in a browser.
@Suite struct ExperimentReportTests {
    private struct Folder: ~Copyable {
        let path: String
        private let isKept: Bool

        init(_ name: String) {
            let kept = ProcessInfo.processInfo.environment["LABORATORY_REPORTS"]
            isKept = kept != nil
            path =
                kept.map { "\($0)/\(name)" }
                ?? FileManager.default.temporaryDirectory.path + "/laboratory-\(UUID().uuidString)"
            try? FileManager.default.removeItem(atPath: path)
        }

        deinit { if !isKept { try? FileManager.default.removeItem(atPath: path) } }
    }

    private func write(_ folder: ResultFolder) throws -> (html: String, markdown: String, answer: String) {
        let report = try ExperimentReport(folder: folder)
        try report.write()
        return (
            try String(contentsOfFile: report.htmlPath, encoding: .utf8),
            try String(contentsOfFile: report.markdownPath, encoding: .utf8), report.answer
        )
    }

    @Test func bisectionFindsWhatTheProgramNeeds() throws {
        let folder = Folder("survival")
        let report = try write(try SyntheticExperiment.survival(at: folder.path))
        let analysis = try analysis(folder.path)
        let threshold = try #require(analysis.threshold)
        let (failing, holding) = (try #require(threshold.failing?.value), try #require(threshold.holding?.value))
        let need = 61 * SyntheticExperiment.mebibyte
        #expect(failing < need * 1.01 && holding > need * 0.99 && (holding - failing) / holding < 0.03)
        #expect(analysis.form == .survival)
        #expect(
            report.answer.hasPrefix("memory.max: \(ExperimentUnit.bytes.text(holding))".replacing("\u{A0}", with: " ")))
        #expect(report.html.contains("How little memory is enough for the importer to finish?"))
        #expect(analysis.recommendation.yaml?.contains("limits:\n    memory: ") == true)
    }

    @Test func latencyHasAKnee() throws {
        let folder = Folder("latency")
        let report = try write(try SyntheticExperiment.latency(at: folder.path))
        #expect(report.answer.hasPrefix("cpu.max: 500m ("))
        #expect(try analysis(folder.path).recommendation.title.hasPrefix("Limit 500m, request 5"))
    }

    @Test func latencyMeetsATarget() throws {
        let folder = Folder("target")
        let report = try write(
            try SyntheticExperiment.latency(at: folder.path, target: 50, planned: 48, isBroken: true))
        #expect(report.answer.contains("interim: 40 of 48"))
        #expect(report.answer.contains("1 broken"))
        #expect(report.html.contains("pod &lt;web&gt; did not start"))
        #expect(!report.html.contains("<web>"))
        #expect(report.markdown.contains("pod &lt;web&gt; did not start: image \"web\" \\| not there"))
    }

    @Test func aNeighbourIsKeptInCheck() throws {
        let folder = Folder("neighbour")
        let report = try write(try SyntheticExperiment.neighbour(at: folder.path))
        #expect(report.answer.hasPrefix("throughput: −50 % → −8.5 % ("))
        let recommendation = try analysis(folder.path).recommendation
        #expect(recommendation.title == "cpu.weight: 1000")
        #expect(recommendation.yaml?.contains("web.cgroup.minikube-lite/cpu.weight: \"1000\"") == true)
    }

    @Test func theSameFolderGivesTheSameBytes() throws {
        let folder = Folder("same")
        let result = try SyntheticExperiment.latency(at: folder.path, target: 50)
        let first = try write(result)
        let second = try write(try ResultFolder.open(folder.path))
        #expect(first == second)
        // Neither the machine's time nor anything of the network is in it.
        for outside in ["http:", "https:", "src=", "@import", "url(", "Laboratory."] {
            #expect(!first.html.contains(outside))
        }
    }

    private func analysis(_ path: String) throws -> ExperimentAnalysis {
        let folder = try ResultFolder.open(path)
        let result = try folder.read()
        return ExperimentAnalysis(result, digest: try SampleDigest(folder: folder, trials: result.trials))
    }
}
