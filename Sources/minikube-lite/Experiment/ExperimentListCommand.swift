import ArgumentParser
import Foundation
import Laboratory
import PodRuntime

struct ExperimentListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List result folders: how far each is, when it ran, and its answer.",
        aliases: ["list"])

    @Argument(help: "The folder that they are in.")
    var folder = "experiments"

    mutating func run() async throws {
        let folder = folder
        let disk = BlockingPool(name: "experiment", threads: 1)
        let rows = try await disk.run(deadline: .seconds(120)) { try Self.rows(folder) }
        guard rows.count > 1 else {
            Console.line("There are no results in \(folder).")
            return
        }
        for line in TableText.lines(rows) { Console.line(line) }
    }

    private static func rows(_ folder: String) throws -> [[String]] {
        var rows = [["NAME", "TRIALS", "WHEN", "ANSWER"]]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names.sorted() where FileManager.default.fileExists(atPath: "\(folder)/\(name)/experiment.json") {
            do {
                let results = try ResultFolder.open("\(folder)/\(name)")
                let trials = try results.read().trials
                let planned = results.description.plannedTrials.map { "/\($0)" } ?? ""
                let when = (trials.map(\.end).max() ?? results.description.startedAt).formatted(
                    .iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
                let answer = trials.isEmpty ? "no trials yet" : try ExperimentReport(folder: results).answer
                rows.append([name, "\(trials.count)\(planned)", when, answer])
            } catch {
                rows.append([name, "?", "?", "\(error)"])
            }
        }
        return rows
    }
}
