import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct SandboxPrivilegedTests {
    @Test func aContainerRunsAndItsExitAndOutputAreKnown() async throws {
        try await TestNode.with(1) { node in
            let status = try await node.runtime.startSandbox(node.sandbox("a"))
            #expect(status.state == .ready && status.addresses.count == 1)
            let started = try await node.runtime.startContainer(
                node.container(["sh", "-c", "echo out; echo err >&2; printf tail; exit 7"]), in: "a")
            #expect(started.pid > 0 && started.startedAt != nil)
            let ended = try await node.end(of: "main", in: "a")
            #expect(ended.exit?.code == 7 && ended.exit?.signal == 0 && ended.exit?.oomKilled == false)
            let log = try String(contentsOfFile: ended.logPath, encoding: .utf8)
            let lines = log.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1)[1] }
            #expect(Set(lines) == ["stdout F out", "stderr F err", "stdout F tail"], "\(log)")
            let stamp = try #require(log.split(separator: " ").first)
            #expect(stamp.count == 30 && stamp.hasSuffix("Z"))
            try await node.runtime.removeSandbox("a", removeLogs: false)
            #expect(FileAccess.exists(ended.logPath))
            #expect(await node.runtime.status(of: "a") == nil)
        }
    }

    @Test func signalsAreTheDefaultsInside() async throws {
        // Ignored in this process on purpose: exec would hand it on.
        signal(SIGPIPE, SIG_IGN)
        try await TestNode.with(1) { node in
            // Not through a shell, which sets dispositions of its own.
            let (output, exit) = try await node.run("") {
                $0.command = ["grep", "-E", "Sig(Ign|Blk)|Seccomp:|NoNewPrivs", "/proc/self/status"]
            }
            #expect(exit.code == 0)
            #expect(
                output.contains("SigBlk:\t0000000000000000") && output.contains("SigIgn:\t0000000000000000"),
                "\(output)")
            #expect(output.contains("Seccomp:\t2") && output.contains("NoNewPrivs:\t0"))
        }
    }

    @Test func namespacesFilesAndDevicesAreAsTheyShouldBe() async throws {
        try await TestNode.with(1) { node in
            let script = """
                echo "pid $$ host $(hostname)"
                cat /etc/hostname /etc/resolv.conf /etc/hosts
                ls /dev; readlink /dev/fd; stat -c '%F' /dev/null
                ls /sys/fs/cgroup/cgroup.procs; cat /proc/self/cgroup
                echo x > /sys/fs/cgroup/cgroup.procs || echo "cgroup read-only"
                echo x > /proc/sys/kernel/hostname || echo "sys read-only"
                cat /proc/kcore | head -c 1; ls /proc/acpi; ls /sys/firmware; echo masked
                echo shm > /dev/shm/x && cat /dev/shm/x
                mknod /tmp/disk b 254 0 && (head -c 1 /tmp/disk && echo "disk open" || echo "disk denied")
                cat < /dev/null && echo "null works"
                ls / ; pwd; env
                """
            let (output, exit) = try await node.run(script)
            #expect(exit.code == 0)
            for wanted in [
                "pid 1 host host-run", "nameserver 10.0.0.10", "localhost", "/proc/self/fd", "character special file",
                "/sys/fs/cgroup/cgroup.procs", "0::/\n", "cgroup read-only", "sys read-only", "masked", "shm",
                "disk denied", "null works", "FROM_IMAGE=yes", "HOME=/root", "PATH=/bin",
            ] { #expect(output.contains(wanted), "\(wanted) is missing in:\n\(output)") }
            #expect(!output.contains("disk open"))
        }
    }

    @Test func aMissingProgramNamesItselfAndLeavesNothing() async throws {
        try await TestNode.with(1) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            let cases: [([String], RuntimeError.Kind, String)] = [
                (["nothere"], .start, #"exec: "nothere": executable file not found in $PATH"#),
                (["/bin/nothere"], .start, #"exec: "/bin/nothere": stat /bin/nothere: no such file or directory"#),
                (["/bin/notexecutable"], .start, #"exec: "/bin/notexecutable": permission denied"#),
                (["notexecutable"], .start, #"exec: "notexecutable": permission denied"#),
                (["nointerpreter"], .start, "interpreter"),
            ]
            for (attempt, (command, kind, message)) in cases.enumerated() {
                let error = await #expect(throws: RuntimeError.self) {
                    try await node.runtime.startContainer(node.container(command, attempt: attempt), in: "a")
                }
                #expect(error?.kind == kind && error?.message.contains(message) == true, "\(String(describing: error))")
            }
            #expect(await node.runtime.status(of: "a")?.containers.isEmpty == true)
            #expect(try FileAccess.list(node.configuration.runDirectory + "/pods/a/containers").isEmpty)
        }
    }

    @Test func stopSendsTheSignalAndThenKills() async throws {
        try await TestNode.with(1) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(
                node.container(["sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"]), in: "a")
            try await eventually { node.log("a", "main", 0).contains("up") }
            try await node.runtime.stopContainer("main", in: "a", signal: nil, grace: .seconds(10))
            let first = try await node.end(of: "main", in: "a")
            #expect(first.exit?.code == 3)
            _ = try await node.runtime.startContainer(
                node.container(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], attempt: 1), in: "a"
            )
            try await eventually { node.log("a", "main", 1).contains("up") }
            try await node.runtime.stopContainer("main", in: "a", signal: nil, grace: .milliseconds(100))
            let second = try await node.end(of: "main", attempt: 1, in: "a")
            #expect(second.exit?.code == 137 && second.exit?.signal == SIGKILL)
        }
    }
}

extension TestNode {
    func log(_ sandbox: String, _ container: String, _ attempt: Int) -> String {
        (try? String(contentsOfFile: "\(directory)/logs/\(sandbox)/\(container)/\(attempt).log", encoding: .utf8)) ?? ""
    }
}
