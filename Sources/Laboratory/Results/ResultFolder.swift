import Foundation
import LinuxKernel

/// A result folder that cannot be made or read, with the file that it is about.
public struct ResultFolderError: Error, Sendable, Hashable, CustomStringConvertible {
    public let path: String
    public let problem: String

    public init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    public var description: String { "\(path): \(problem)" }
}

/// The folder of one experiment: `experiment.json`, `results.csv`, `samples.csv`, and the reports made of them.
///
/// All calls block on the disk.
public struct ResultFolder: Sendable, Hashable {
    public let path: String
    public let description: ExperimentDescription

    public var descriptionPath: String { "\(path)/experiment.json" }
    public var resultsPath: String { "\(path)/results.csv" }
    public var samplesPath: String { "\(path)/samples.csv" }

    private init(path: String, description: ExperimentDescription) {
        self.path = path
        self.description = description
    }

    /// Makes a folder with its description and the two tables' headers. A folder that has a description already is an
    /// error: see `open`.
    public static func create(_ path: String, _ description: ExperimentDescription) throws -> ResultFolder {
        let folder = ResultFolder(path: path, description: description)
        try folder.checkNames()
        if FileAccess.kind(folder.descriptionPath) != nil {
            throw ResultFolderError(path: path, problem: "there is an experiment's result in it already")
        }
        try FileAccess.makeDirectories(path)
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // The tables first: a folder with a description is a whole one.
        let trials = TrialTable(description: description)
        try FileAccess.replace(folder.resultsPath, with: CSV.line(trials.header), mode: 0o644)
        let samples = SampleTable(description: description)
        try FileAccess.replace(folder.samplesPath, with: CSV.line(samples.header), mode: 0o644)
        try FileAccess.replace(
            folder.descriptionPath, with: Array(try encoder.encode(description)) + [CSV.newline], mode: 0o644)
        return folder
    }

    /// The folder of an experiment that ran, or that is to go on.
    public static func open(_ path: String) throws -> ResultFolder {
        let file = "\(path)/experiment.json"
        guard FileAccess.kind(file) != nil else {
            throw ResultFolderError(path: path, problem: "it has no experiment.json, so it is no result folder")
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            let description = try decoder.decode(
                ExperimentDescription.self, from: Data(try FileAccess.read(file)))
            return ResultFolder(path: path, description: description)
        } catch let error as DecodingError {
            throw ResultFolderError(path: file, problem: "it is no description of an experiment: \(error)")
        }
    }

    /// Description and trials. A line that cannot be read is left out and told in `problems`.
    public func read() throws -> ExperimentResult {
        let bytes = FileAccess.kind(resultsPath) == nil ? [] : try FileAccess.read(resultsPath, limit: 1 << 30)
        let contents = CSV.parse(bytes)
        let table = TrialTable(description: description)
        var result = ExperimentResult(description: description, trials: [])
        if let header = contents.lines.first, header != table.header {
            throw ResultFolderError(path: resultsPath, problem: "its columns are not those of experiment.json")
        }
        for (number, fields) in contents.lines.enumerated().dropFirst() {
            do throws(TrialTable.Problem) {
                let trial = try table.trial(fields)
                if result.trials.contains(where: { $0.id == trial.id }) {
                    result.problems.append("results.csv, line \(number + 1): trial \(trial.id) is there twice; ignored")
                } else {
                    result.trials.append(trial)
                }
            } catch {
                result.problems.append("results.csv, line \(number + 1): \(error.text); ignored")
            }
        }
        if contents.end < bytes.count {
            result.problems.append(
                "results.csv: the last line is incomplete, as after an interruption; that trial is not counted")
        }
        return result
    }

    /// Reads the samples in the file's order, without holding them. Answers what was wrong with the file.
    @discardableResult
    public func forEachSample(_ body: (ExperimentSample) throws -> Void) throws -> [String] {
        guard FileAccess.kind(samplesPath) != nil else { return ["samples.csv: there is none"] }
        var reader = SampleTable.Reader(columns: description.series.count)
        try feed(&reader) { sample, _ in try body(sample) }
        var problems: [String] = []
        if reader.unreadable > 0 { problems.append("samples.csv: \(reader.unreadable) lines are no samples; ignored") }
        if reader.isTorn { problems.append("samples.csv: the last line is incomplete, as after an interruption") }
        return problems
    }

    /// The log to which trials are appended as they end. A torn last line of an interrupted run is taken away first.
    public func trialLog() throws -> TrialLog {
        let bytes = try FileAccess.read(resultsPath, limit: 1 << 30)
        let end = CSV.parse(bytes).end
        if end < bytes.count { try FileAccess.replace(resultsPath, with: Array(bytes[..<end]), mode: 0o644) }
        return TrialLog(
            table: TrialTable(description: description),
            file: try FileAccess.open(resultsPath, Self.appending))
    }

    /// The log to which samples are appended. Those of a trial that never came to its end (`finished` has the ids of
    /// those that did) are taken away first: the trial is going to run again.
    public func sampleLog(finished: Set<Int>) throws -> SampleLog {
        var reader = SampleTable.Reader(columns: description.series.count)
        var keep: Int?
        try feed(&reader) { sample, offset in
            if keep == nil, !finished.contains(sample.trial) { keep = offset }
        }
        if keep != nil || reader.isTorn {
            let bytes = try FileAccess.read(samplesPath, limit: keep ?? reader.end)
            try FileAccess.replace(samplesPath, with: bytes, mode: 0o644)
        }
        return SampleLog(
            columns: description.series.count,
            file: try FileAccess.open(samplesPath, Self.appending))
    }

    private static let appending = O_WRONLY | O_APPEND

    private func feed(_ reader: inout SampleTable.Reader, _ body: (ExperimentSample, Int) throws -> Void) throws {
        let file = try FileAccess.open(samplesPath, O_RDONLY)
        while true {
            let piece = try FileAccess.read(file, limit: 1 << 20, object: samplesPath)
            if piece.isEmpty { return }
            try reader.feed(piece, body)
        }
    }

    /// Columns are found by name, so no two may have the same.
    private func checkNames() throws(ResultFolderError) {
        var seen = Set(TrialTable.leading + TrialTable.trailing)
        for name in description.factors.map(\.name) + description.measures.map(\.name) {
            guard seen.insert(name).inserted else {
                throw ResultFolderError(path: resultsPath, problem: "two columns would be named \"\(name)\"")
            }
        }
        var columns: Set<String> = []
        for series in description.series where !columns.insert(series.column).inserted {
            throw ResultFolderError(path: samplesPath, problem: "two columns would be named \"\(series.column)\"")
        }
    }
}
