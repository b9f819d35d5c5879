import ArgumentParser
import Foundation
import InternetAddress
import Logging
import PodRuntime

/// What a change of the services' routing costs, without API and agent.
struct RoutingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routing",
        abstract: "Measure changes of the services' routing; run it by `unshare --net`, in a network of its own.")

    @Option(help: "Services that are there.")
    var services = 1000
    @Option(help: "Endpoints of each.")
    var endpoints = 10
    @Option(help: "Changes of one endpoint.")
    var changes = 500
    @Option(help: "Exchanges of all services.")
    var exchanges = 20

    func run() async throws {
        let devices = try String(contentsOfFile: "/proc/net/dev", encoding: .utf8).split(separator: "\n").dropFirst(2)
        guard devices.count == 1 else {
            throw BenchmarkError("this machine's own network is not measured: unshare --net benchmark routing")
        }
        let directory = NSTemporaryDirectory() + "/routing-\(UUID().uuidString)"
        let pods = IPRange(IPAddress(.v4, 0x0afb_0000), prefixLength: 20)
        let range = IPRange(IPAddress(.v4, 0x0a60_0000), prefixLength: 12)
        let network = try PodNetwork(bridge: "mlbench", ranges: [pods], stateDirectory: directory)
        try await network.setUpBridge()
        let router = ServiceRouter(
            bridge: "mlbench", podRanges: [pods], serviceRanges: [range], logger: Logger(label: "routing"))
        let routes = (0..<services).map { route($0, services: range, pods: pods) }
        var all: [Double] = []
        for _ in 0..<exchanges {
            let start = realtime()
            try await router.replaceAll(routes)
            all.append(milliseconds(from: start, to: realtime()))
        }
        var one: [Double] = []
        for index in 0..<changes {
            // An endpoint goes, and comes again.
            var route = routes[index / 2 % routes.count]
            if index.isMultiple(of: 2) { route.backends.removeLast() }
            let start = realtime()
            try await router.update([route], removed: [])
            one.append(milliseconds(from: start, to: realtime()))
        }
        try await network.tearDown()
        let among = "\(services) services of \(endpoints) endpoints"
        for figure in [
            Figure(name: "an endpoint changed among \(among): in force", unit: "ms", samples: one, target: "under 4"),
            Figure(name: "the same, 99th percentile", unit: "ms", samples: [Self.percentile(one, 0.99)]),
            Figure(name: "all of \(among) exchanged at once", unit: "ms", samples: all),
            Figure(name: "the same, 99th percentile", unit: "ms", samples: [Self.percentile(all, 0.99)]),
        ] {
            progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)")
            print(figure.row)
        }
    }

    private func route(_ index: Int, services: IPRange, pods: IPRange) -> ServiceRoute {
        let address = IPAddress(.v4, services.network.value + 16 + UInt128(index))
        let backends = (0..<endpoints).map { endpoint in
            let pod = UInt128((index + endpoint) % 4000)
            return ServiceRoute.Backend(address: IPAddress(.v4, pods.network.value + 2 + pod), port: 8080)
        }
        return ServiceRoute(
            id: "default/service-\(index):http/tcp", transport: .tcp,
            frontends: [.cluster(address, 80), .nodePort(UInt16(truncatingIfNeeded: 30_000 + index), .v4)],
            backends: backends)
    }

    private static func percentile(_ samples: [Double], _ part: Double) -> Double {
        let sorted = samples.sorted()
        return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }
}
