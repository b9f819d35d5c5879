import LinuxKernel

/// The report of a result folder: `report.html` and `report.md`, and the answer in one line.
///
/// The same folder gives the same bytes. All calls block on the disk.
public struct ExperimentReport: Sendable {
    public let folder: ResultFolder
    private let result: ExperimentResult

    /// Reads the folder's trials. An interrupted experiment has a report, too: one that says so.
    public init(folder: ResultFolder) throws {
        self.folder = folder
        result = try folder.read()
    }

    public var htmlPath: String { "\(folder.path)/report.html" }
    public var markdownPath: String { "\(folder.path)/report.md" }

    /// Reads the samples and replaces both reports.
    public func write() throws {
        let analysis = ExperimentAnalysis(result, digest: try SampleDigest(folder: folder, trials: result.trials))
        try FileAccess.replace(htmlPath, with: Array(HTMLReport(analysis).document.utf8), mode: 0o644)
        try FileAccess.replace(markdownPath, with: Array(MarkdownReport(analysis).document.utf8), mode: 0o644)
    }

    /// One line, e.g. `memory.max: 63 MiB (known to within 1.6 %, 3 repeats at the answer, 27 trials)`. It needs no
    /// samples, so it is quick however large they are.
    public var answer: String {
        let analysis = ExperimentAnalysis(result, digest: SampleDigest(folder.description))
        let answer = analysis.answer
        let name = analysis.form == .comparison ? analysis.measure?.name : analysis.factor?.name
        let certainty = (answer.qualifiers + answer.warnings).joined(separator: ", ")
        let text = "\(name.map { "\($0): " } ?? "")\(answer.headline) (\(certainty))"
        return text.split(whereSeparator: \.isNewline).joined(separator: " ").replacing("\u{A0}", with: " ")
    }
}
