import Foundation
import KubernetesAPI

/// What `benchmark api` measures, in a namespace of its own that is left as it is: the node is there for the benchmark.
struct APIMeasurements: Sendable {
    let cluster: Kubeconfig.Context
    let client: APIClient
    let process: Int32
    let database: String
    let objects: Int
    let watchers: Int
    let updates: Int
    let seconds: Int

    static let namespace = "benchmark-api"
    private static let connections = [1, 8, 64]
    private static let runs = 3

    func all() async throws -> [Figure] {
        var namespace = Namespace()
        namespace.metadata.name = Self.namespace
        _ = try await client.create(namespace)
        let load = try APILoad(server: cluster.server, token: try await token())
        defer { load.remove() }
        var figures = [try Figure.syncs(beside: database)]
        try await fill(1...1)
        figures += try await crowd(load)
        try await fill(2...objects)
        figures.append(
            Figure(
                name: "node's RSS, \(objects) objects of 1 KiB", unit: "MB", samples: [try residentMegabytes()]))
        for connections in Self.connections {
            figures.append(
                try await rate("get, \(Self.words(connections))") { _ in
                    try await load.run(.get(prefix: "object", count: objects), connections, seconds)
                })
        }
        for connections in Self.connections {
            figures.append(
                try await rate("update, \(Self.words(connections))") { _ in
                    try await load.run(.update(prefix: "object", count: objects), connections, seconds)
                })
        }
        figures.append(try await list(load))
        figures += try await fanOut()
        figures.append(try await growth(load))
        // Last: how many objects they leave depends on how fast they are.
        for connections in Self.connections {
            figures.append(
                try await rate("create, \(Self.words(connections))") { run in
                    try await load.run(.create(prefix: "c\(connections)-\(run)"), connections, seconds)
                })
        }
        for figure in figures { progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)") }
        return figures
    }

    private static func words(_ connections: Int) -> String {
        connections == 1 ? "1 connection" : "\(connections) connections"
    }

    /// Of an account that may do everything: wrk knows no client certificates.
    private func token() async throws -> String {
        var account = ServiceAccount()
        account.metadata.name = "benchmark"
        account.metadata.namespace = Self.namespace
        _ = try await client.create(account)
        var binding = ClusterRoleBinding()
        binding.metadata.name = "benchmark"
        binding.roleRef = try RoleRef(
            json: ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"])
        binding.subjects = [
            try Subject(json: ["kind": "ServiceAccount", "name": "benchmark", "namespace": .string(Self.namespace)])
        ]
        _ = try await client.create(binding)
        let answer = try await client.transport.send(
            APIRequest(
                verb: .create, group: "", version: "v1", resource: "serviceaccounts", namespace: Self.namespace,
                name: "benchmark", subresource: "token",
                body: [
                    "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                    "spec": ["audiences": [], "expirationSeconds": 7200],
                ]))
        guard let token = answer[path: "status", "token"]?.stringValue else {
            throw BenchmarkError("the node gave no token")
        }
        return token
    }

    private func rate(_ name: String, _ run: (Int) async throws -> LoadRun) async throws -> Figure {
        var samples: [Double] = []
        for index in 0..<Self.runs { samples.append(try await run(index).requestsPerSecond) }
        return Figure(name: name, unit: "requests/s", samples: samples)
    }

    private func residentMegabytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) else {
            throw BenchmarkError("process \(process) has no VmRSS")
        }
        return kilobytes / 1024
    }

    /// All objects in one answer, each compared with a selector.
    private func list(_ load: APILoad) async throws -> Figure {
        var samples: [Double] = []
        for _ in 0..<Self.runs {
            samples.append(
                1000 / (try await load.run(.list(selector: "prefix%3Dobject"), 1, seconds).requestsPerSecond))
        }
        return Figure(name: "list of \(objects) objects of 1 KiB, by label", unit: "ms", samples: samples)
    }

    /// `object-1` and so on, of 1 KiB each as the API answers with them.
    private func fill(_ numbers: ClosedRange<Int>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let workers = 32
            for worker in 0..<workers {
                group.addTask {
                    for number in stride(from: numbers.lowerBound + worker, through: numbers.upperBound, by: workers) {
                        var map = ConfigMap()
                        map.metadata.name = "object-\(number)"
                        map.metadata.namespace = Self.namespace
                        map.metadata.labels = ["prefix": "object"]
                        map.data = ["text": String(repeating: "x", count: 800)]
                        _ = try await client.create(map)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: Watches

    /// Writes, and each watch's time from the beginning of the call to the event.
    private func fanOut() async throws -> [Figure] {
        var map = ConfigMap()
        map.metadata.name = "watched"
        map.metadata.namespace = Self.namespace
        map.metadata.labels = ["prefix": "watched"]
        map.data = ["text": String(repeating: "x", count: 1024)]
        let made = try await client.create(map)
        return try await withWatches(
            watchers, ["labelSelector": "prefix=watched", "resourceVersion": made.metadata.resourceVersion]
        ) { streams in
            try await fanOut(made, streams)
        }
    }

    /// Does something while so many watches of this namespace are open, each on a connection of its own.
    private func withWatches(
        _ count: Int, _ options: [String: String],
        _ body: ([AsyncThrowingStream<RawWatchEvent, any Error>]) async throws -> [Figure]
    ) async throws -> [Figure] {
        // A client opens no more than some hundred connections to one server.
        let perClient = 200
        let transports = try (0..<(count + perClient - 1) / perClient).map { _ in
            try HTTPSTransport(cluster: cluster)
        }
        let result: Result<[Figure], any Error>
        do {
            let clients = transports.map { APIClient(transport: $0) }
            var streams: [AsyncThrowingStream<RawWatchEvent, any Error>] = []
            for index in 0..<count {
                streams.append(
                    try await clients[index / perClient].watch(
                        ConfigMap.self, namespace: Self.namespace, options: options))
            }
            result = .success(try await body(streams))
        } catch { result = .failure(error) }
        for transport in transports { try? await transport.shutdown() }
        return try result.get()
    }

    /// Many clients that want nothing, and what is left for the others. A watch of what never changes costs no less than
    /// a connection without a request.
    private func crowd(_ load: APILoad) async throws -> [Figure] {
        let connections = 5000
        return try await withWatches(connections, ["labelSelector": "prefix=nothing"]) { _ in
            [
                Figure(
                    name: "node's RSS, \(connections) connections with an idle watch each", unit: "MB",
                    samples: [try residentMegabytes()], target: "400"),
                try await rate("get beside them, 8 connections") { _ in
                    try await load.run(.get(prefix: "object", count: 1), 8, seconds)
                },
            ]
        }
    }

    private func fanOut(
        _ made: ConfigMap, _ streams: [AsyncThrowingStream<RawWatchEvent, any Error>]
    ) async throws -> [Figure] {
        let writes = 20
        var all: [Double] = []
        var slowest: [Double] = []
        // Each round is over when every watch has the write.
        let (arrivals, arrival) = AsyncStream.makeStream(of: Int64?.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for stream in streams {
                group.addTask {
                    for try await _ in stream { arrival.yield(realtime()) }
                    arrival.yield(nil)
                }
            }
            var iterator = arrivals.makeAsyncIterator()
            for write in 0..<writes {
                let begun = realtime()
                _ = try await client.patch(
                    ConfigMap.self, made.metadata.name, namespace: Self.namespace, .merge,
                    ["data": ["write": .string("\(write)")]])
                var times: [Double] = []
                while times.count < watchers {
                    guard let next = await iterator.next(), let time = next else {
                        throw BenchmarkError("a watch ended after \(write) writes")
                    }
                    times.append(milliseconds(from: begun, to: time))
                }
                times.sort()
                all.append(times[times.count / 2])
                slowest.append(times[times.count * 99 / 100])
            }
            group.cancelAll()
        }
        return [
            Figure(name: "write to the event at \(watchers) watches, p50", unit: "ms", samples: all),
            Figure(name: "write to the event at \(watchers) watches, p99", unit: "ms", samples: slowest),
        ]
    }

    // MARK: The database

    /// Its size in terms of what is in it, after many updates of few objects.
    private func growth(_ load: APILoad) async throws -> Figure {
        var done = 0
        while done < updates {
            let run = try await load.run(.update(prefix: "object", count: 1000), 64, seconds)
            done += Int(run.requestsPerSecond * Double(seconds))
        }
        let names = ["", "-wal"].map { database + $0 }
        let bytes = names.reduce(0) { sum, path in
            sum + (((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0)
        }
        // As the store has them: one list without a selector, without the little that each list has around it.
        let list = try await client.transport.send(
            APIRequest(verb: .list, group: "", version: "v1", resource: "configmaps", namespace: Self.namespace))
        return Figure(
            name: "database and its log after \(updates) updates, in terms of the objects", unit: "x",
            samples: [Double(bytes) / Double(list.bytes.count)], target: "3")
    }
}

extension Figure {
    /// What a durable write costs at least: 4 KiB at the end of a file and fdatasync, one after the other.
    static func syncs(beside path: String) throws -> Figure {
        let name = path + ".benchmark"
        let descriptor = open(name, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchmarkError("open \(name): errno \(errno)") }
        defer {
            close(descriptor)
            unlink(name)
        }
        let block = [UInt8](repeating: 7, count: 4096)
        var samples: [Double] = []
        for _ in 0..<3 {
            let begun = realtime()
            var count = 0
            while realtime() - begun < 1_000_000_000 {
                guard write(descriptor, block, block.count) == block.count, fdatasync(descriptor) == 0 else {
                    throw BenchmarkError("write \(name): errno \(errno)")
                }
                count += 1
            }
            samples.append(Double(count) * 1e9 / Double(realtime() - begun))
        }
        return Figure(name: "beside it: 4 KiB appended and fdatasync, one writer", unit: "writes/s", samples: samples)
    }
}
