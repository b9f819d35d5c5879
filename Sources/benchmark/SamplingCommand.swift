import ArgumentParser
import Foundation
import PodRuntime

/// What one sample of a cgroup costs, beside a loop in C over the same files in the same run.
struct SamplingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sampling", abstract: "Measure what sampling a cgroup costs, beside the same in C.")

    @Option(help: "The C program, sampler-loop.")
    var loop: String
    @Option(help: "Rounds of each, in turn.")
    var rounds = 15
    @Option(help: "Samples in a round.")
    var count = 2000
    @Option(help: "Process id of a node: counts the descriptors that it holds on files of cgroups.")
    var node: Int32?

    func run() throws {
        let cgroup = try BusyCgroup()
        defer { cgroup.remove() }
        let sampler = try CgroupSampler(path: cgroup.path)
        var peer: [Double] = []
        var ours: [Double] = []
        var files = 0
        for round in 0...rounds {
            let (number, inC) = try measurePeer(cgroup.path)
            let start = realtime()
            for _ in 0..<count { _ = try sampler.sample() }
            let inSwift = milliseconds(from: start, to: realtime()) * 1000 / Double(count)
            files = number
            // The first round warms up.
            guard round > 0 else { continue }
            peer.append(inC)
            ours.append(inSwift)
        }
        let figures = [
            Figure(name: "one sample of a cgroup, \(files) files", unit: "us", samples: ours),
            Figure(name: "beside it: a loop in C over the same files", unit: "us", samples: peer),
            Figure(
                name: "the one in terms of the other", unit: "x", samples: zip(ours, peer).map { $0 / $1 },
                target: "at most 2"),
        ]
        for figure in figures {
            progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)")
            print(figure.row)
        }
        if let node {
            print(
                Figure(
                    name: "descriptors of the node on files of cgroups while nobody samples", unit: "",
                    samples: [Double(try descriptors(of: node))], target: "0"
                ).row)
        }
    }

    /// - Returns: how many files were there, and microseconds per sample.
    private func measurePeer(_ path: String) throws -> (files: Int, microseconds: Double) {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: loop)
        process.arguments = [path, "\(count)"]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let words = text.split(separator: " ")
        guard process.terminationStatus == 0, words.count > 2, let files = Int(words[0]), let time = Double(words[2])
        else { throw BenchmarkError("\(loop) \(path): \(text)") }
        return (files, time)
    }

    private func descriptors(of process: Int32) throws -> Int {
        let folder = "/proc/\(process)/fd"
        let root = try CgroupMount.find().unified ?? "/sys/fs/cgroup"
        return try FileManager.default.contentsOfDirectory(atPath: folder).filter { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
            // A directory is how a process is born into a cgroup; a file is what is sampled.
            var isDirectory: ObjCBool = false
            return target?.hasPrefix(root + "/") == true
                && FileManager.default.fileExists(atPath: target ?? "", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }.count
    }
}

/// A cgroup of our own with a process in it, and with all controllers that this host has.
private struct BusyCgroup {
    let path: String
    private let tree: CgroupTree
    private let process: Process

    init() throws {
        guard let root = try CgroupMount.find().unified else {
            throw BenchmarkError("no cgroup2 file system is mounted")
        }
        tree = try CgroupTree(parent: "\(root)/minikube-lite-sampling-\(getpid())")
        try tree.prepare()
        path = try tree.makePod(id: "a", qos: .guaranteed, resources: CgroupResources(), bestEffort: true)
        let container = try tree.makeContainer(
            podPath: path, name: "a", attempt: 0, resources: CgroupResources(), bestEffort: true)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["3600"]
        try process.run()
        try "\(process.processIdentifier)".write(
            toFile: container.path + "/cgroup.procs", atomically: false, encoding: .utf8)
    }

    /// Kills the process by its cgroup: it may have been born with SIGTERM blocked.
    func remove() {
        try? tree.removeAll()
        process.waitUntilExit()
    }
}
