import Foundation

/// crun, where it is installed: what the quickest known runtime takes on this machine, in the same run.
struct Peer {
    let payload: String
    let samples: Int

    /// `crun run` of a container that exits at once, as a whole process; no pod, no network.
    func crun() throws -> Figure? {
        guard let crun = ["/usr/bin/crun", "/usr/local/bin/crun"].first(where: FileManager.default.isExecutableFile)
        else { return nil }
        let bundle = FileManager.default.temporaryDirectory.appendingPathComponent("crun-\(getpid())")
        defer { try? FileManager.default.removeItem(at: bundle) }
        let root = bundle.appendingPathComponent("rootfs")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: payload, toPath: root.appendingPathComponent("payload").path)
        try run(crun, ["spec"], in: bundle)
        let path = bundle.appendingPathComponent("config.json")
        var spec = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any] ?? [:]
        var process = spec["process"] as? [String: Any] ?? [:]
        process["args"] = ["/payload", "exit", "0"]
        process["terminal"] = false
        spec["process"] = process
        try JSONSerialization.data(withJSONObject: spec).write(to: path)
        var times: [Double] = []
        for index in 0...samples {
            let begun = realtime()
            try run(crun, ["--cgroup-manager=disabled", "run", "bench-\(getpid())-\(index)"], in: bundle)
            if index > 0 { times.append(milliseconds(from: begun, to: realtime())) }
        }
        return Figure(
            name: "beside it: `crun run` of a program that exits (no pod, no network, no cgroup)", unit: "ms",
            samples: times)
    }

    private func run(_ program: String, _ arguments: [String], in directory: URL) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError("\(program) \(arguments.joined(separator: " ")): exit \(process.terminationStatus)")
        }
    }
}
