import Foundation
import NodeHarness
import Testing

/// A machine of which cgroup v1 has taken a controller.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: VirtualMachine.isHere, VirtualMachine.reason))
struct VMRefusalTests {
    private static let root = "/sys/fs/cgroup"

    /// Binds the cpu controller to a v1 hierarchy while `body` runs: this machine is the tests' own.
    private func withoutCPU(_ body: () async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("v1").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let control = Self.root + "/cgroup.subtree_control"
        if try String(contentsOfFile: control, encoding: .utf8).split(separator: " ").contains("cpu") {
            try "-cpu".write(toFile: control, atomically: false, encoding: .utf8)
        }
        let mount = try #require(Command.find("mount"))
        try await Command.run(mount, ["-t", "cgroup", "-o", "cpu", "none", folder]).requireSuccess()
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        try await Command.run(try #require(Command.find("umount")), [folder]).requireSuccess()
        try result.get()
    }

    @Test func withoutTheControllerAPodIsRefusedAndTold() async throws {
        try await withoutCPU {
            try await Node.with([]) { node in
                try await node.run(LimitedPod("limited", ["run"], limits: ["cpu": "100m"]))
                let told = try await node.eventually("limited", "UnenforceableLimits")
                #expect(told.contains("cpu.max"), "\(told)")
                #expect(told.contains("bound to cgroup v1"), "\(told)")
                #expect(told.contains("--cgroup-enforcement=best-effort"), "\(told)")
                let pod = try await node.pod("limited") { $0.condition("LimitsEnforced") != nil }
                #expect(!pod.isRunning && pod.condition("LimitsEnforced")?["status"] as? String == "False")
                // A pod that asks for nothing that is missing runs.
                try await node.run(LimitedPod("free", ["run"]))
                try await node.pod("free") { $0.isRunning }
                let described = try await node.kubectl("describe", "node", "e2e")
                #expect(described.output.contains("cpu controller is bound to cgroup v1"), "\(described)")
                let doctor = try await node.cli("doctor", "--root", node.root)
                #expect(doctor.output.contains("bound to cgroup v1"), "\(doctor)")
            }
        }
    }

    @Test func asBestEffortItRunsAndCarriesACondition() async throws {
        try await withoutCPU {
            try await Node.with(["--cgroup-enforcement", "best-effort"]) { node in
                try await node.run(LimitedPod("limited", ["run"], limits: ["cpu": "100m", "memory": "32Mi"]))
                let pod = try await node.pod("limited") { $0.isRunning }
                let condition = try #require(pod.condition("LimitsEnforced"))
                #expect(condition["status"] as? String == "False")
                #expect((condition["message"] as? String ?? "").contains("cpu.max"), "\(condition)")
                // What can be enforced is.
                #expect(try node.read(try node.cgroup(pod, "main") + "/memory.max") == "\(32 << 20)")
            }
        }
    }
}
