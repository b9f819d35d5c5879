import Foundation
import LinuxKernel
import ShimProtocol
import Testing

@testable import PodRuntime

/// An agent that is killed at any failpoint: what runs goes on, nothing starts twice, nothing is left.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct KillPrivilegedTests {
    /// Seeds to try, of which each kills one or two agents: more than 200 in all. `MINIKUBE_LITE_KILLS` asks for more.
    static let count = ProcessInfo.processInfo.environment["MINIKUBE_LITE_KILLS"].flatMap(Int.init) ?? 160

    struct Run {
        let output: String
        let status: Int32
        let wasKilled: Bool
    }

    let directory = "/tmp/mlk-kill-\(getpid())"
    let number = Int(getpid() % 1000) + 1000

    func drive(_ arguments: [String], environment: [String: String] = [:]) throws -> Run {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: TestNode.binaries + "/runtime-driver")
        process.arguments = [directory, "\(number)"] + arguments
        process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { mine, _ in mine }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return Run(
            output: output, status: process.terminationStatus,
            wasKilled: process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL)
    }

    func withImage(_ body: () async throws -> Void) async throws {
        try FileAccess.makeDirectories(directory + "/image/bin")
        try FileAccess.makeDirectories(directory + "/image/etc")
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: directory + "/image/bin/busybox")
        for name in ["sh", "sleep", "echo"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/image/bin/\(name)", withDestinationPath: "busybox")
        }
        do { try await body() } catch {
            _ = try? drive(["down"])
            throw error
        }
        let down = try drive(["down"])
        #expect(down.status == 0, "\(down.output)")
        checkNothingIsLeft()
        try FileAccess.removeTree(directory)
    }

    func checkNothingIsLeft() {
        let mount = (try? CgroupMount.find().unified) ?? nil
        #expect(mount.map { FileAccess.exists("\($0)/mldrive\(number)") } == false)
        #expect(mount.map { FileAccess.exists("\($0)/mldrive\(number)-system") } == false)
        #expect((try? FileAccess.readText("/proc/self/mountinfo"))?.contains(directory) == false)
        #expect((try? FileAccess.list(directory + "/data/sandboxes")) == nil)
        #expect((try? FileAccess.list(directory + "/run/pods")) == nil)
        #expect((try? FileAccess.list("/sys/class/net"))?.contains { $0 == "mld\(number)" } == false)
    }

    @Test func aKilledAgentIsTakenOverWithoutLoss() async throws {
        try await withImage {
            var kills = 0
            for seed in 0..<Self.count {
                // A small probability kills late, a great one early.
                let probability = [0.005, 0.02, 0.05, 0.15][seed % 4]
                let environment = ["MINIKUBE_LITE_FAILPOINT_SEED": "\(seed):\(probability)"]
                let broken = try drive(["up", "pod-\(seed)", "3"], environment: environment)
                if broken.wasKilled {
                    kills += 1
                } else {
                    #expect(broken.status == 0, "seed \(seed): \(broken.output)")
                }

                // A launch that was under way goes on without its agent, so what runs is known when recovery has asked.
                let found = try drive(["recover"])
                #expect(found.status == 0, "seed \(seed): \(found.output)")
                let status = try decode(found.output)
                let running = Set(status.flatMap(\.containers).filter { $0.exit == nil }.map(\.pid))
                #expect(
                    settled { $0 == running },
                    "seed \(seed): \(running) \(processes())\n\(broken.output)\n\(found.output)")

                let whole = try drive(["up", "pod-\(seed)", "3"])
                #expect(whole.status == 0, "seed \(seed): \(whole.output)")
                #expect(
                    settled { $0.count == 3 && running.isSubset(of: $0) },
                    "seed \(seed): \(running) \(processes())\n\(whole.output)")
                for index in 0..<3 {
                    // A process that runs may not have said so yet.
                    let path = "\(directory)/logs/pod-\(seed)/c\(index)/0.log"
                    var log = ""
                    _ = settled { _ in
                        log = (try? FileAccess.readText(path)) ?? ""
                        return log.contains("started")
                    }
                    #expect(log.components(separatedBy: "started").count == 2, "seed \(seed) c\(index): \(log)")
                }
                // And the way back is killed, too.
                let cycle = try drive(["cycle", "1"], environment: environment)
                if cycle.wasKilled { kills += 1 } else { #expect(cycle.status == 0, "seed \(seed): \(cycle.output)") }
                let down = try drive(["down"])
                #expect(down.status == 0, "seed \(seed): \(down.output)")
                checkNothingIsLeft()
            }
            #expect(kills >= Self.count * 5 / 4, "\(kills) kills in \(Self.count) rounds")
            print("\(kills) agents were killed")
        }
    }

    private func decode(_ output: String) throws -> [SandboxStatus] {
        try output.split(separator: "\n").filter { $0.hasPrefix("{") }.map {
            try JSONDecoder().decode(SandboxStatus.self, from: Data($0.utf8))
        }
    }

    /// Whether this node's processes are as expected, at once or within five seconds: the helper of a launch ends
    /// beside the process that it has cloned, and not before it.
    private func settled(_ isExpected: (Set<Int32>) -> Bool) -> Bool {
        for _ in 0..<500 {
            if isExpected(processes()) { return true }
            usleep(10_000)
        }
        return false
    }

    /// Every process in this node's pods.
    private func processes() -> Set<Int32> {
        var all: Set<Int32> = []
        guard let mount = (try? CgroupMount.find().unified) ?? nil else { return [] }
        func visit(_ path: String) {
            for line in ((try? FileAccess.readText(path + "/cgroup.procs")) ?? "").split(separator: "\n") {
                if let pid = Int32(line) { all.insert(pid) }
            }
            for name in (try? FileAccess.list(path)) ?? [] where FileAccess.kind("\(path)/\(name)") == .directory {
                visit("\(path)/\(name)")
            }
        }
        visit("\(mount)/mldrive\(number)")
        return all
    }
}
