import ArgumentParser

/// Answers of one name server, wherever it listens: how many in a second, and how long each takes.
struct NamesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns", abstract: "Measure a name server, over UDP.")

    @Argument(help: "ADDRESS:PORT, e.g. 10.96.0.10:53 or [fd00::a]:53.")
    var server: String
    @Argument(help: "A name that has an address.")
    var name: String
    @Option(help: "Seconds that each measurement takes.")
    var seconds = 3.0
    @Option(help: "Clients that ask at the same time, for the answers per second.")
    var clients = 16

    func run() async throws {
        guard let colon = server.lastIndex(of: ":"), let port = UInt16(server[server.index(after: colon)...]) else {
            throw BenchmarkError("\(server) is not ADDRESS:PORT")
        }
        let address = server[..<colon].filter { $0 != "[" && $0 != "]" }
        let load = NameLoad(resolver: address, port: port, name: name)
        // What is slow the first time is not what is measured.
        _ = try await load.run(clients: 1, seconds: min(seconds, 0.5))
        let alone = try await load.run(clients: 1, seconds: seconds)
        let many = try await load.run(clients: clients, seconds: seconds)
        let figures = [
            Figure(name: "DNS answer, p50 of one client", unit: "us", samples: [alone.median]),
            Figure(name: "DNS answer, p99 of one client", unit: "us", samples: [alone.p99], target: "below 1000"),
            Figure(
                name: "DNS answers, \(clients) clients", unit: "answers/s", samples: [many.answersPerSecond],
                target: "above 20000"),
        ]
        for figure in figures { print(figure.row) }
    }
}
