import Foundation
import LinuxKernel
import Logging
import ShimProtocol
import Testing

@testable import PodRuntime

/// Commands in containers, by the real supervisor.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct CommandPrivilegedTests {
    static let number = 6

    /// A container that sleeps, and a look at what lives in it.
    struct Pod: Sendable {
        let node: TestNode
        let id: String
        let cgroup: String
        let main: Int32

        func run(
            _ script: String, deadline: Duration = .seconds(20), limit: Int = 16 << 10
        ) async throws -> CommandOutcome {
            try await run(["sh", "-c", script], deadline: deadline, limit: limit)
        }

        func run(
            _ command: [String], deadline: Duration = .seconds(20), limit: Int = 16 << 10
        ) async throws -> CommandOutcome {
            try await node.runtime.run(command, in: "main", of: id, deadline: deadline, outputLimit: limit)
        }

        /// Control groups of commands.
        var commands: [String] { (try? node.runtime.host.cgroups.children(cgroup)) ?? [] }

        /// Whether the main process alone is left.
        var isQuiet: Bool { commands.isEmpty && (try? node.runtime.host.cgroups.processes(cgroup)) == [main] }
    }

    func withPod(
        _ command: [String] = ["sleep", "1000"], sandbox: (inout SandboxConfiguration) -> Void = { _ in },
        _ change: (inout ContainerConfiguration) -> Void = { _ in }, _ body: (Pod) async throws -> Void
    ) async throws {
        try await TestNode.with(Self.number) { node in
            let configuration = node.sandbox("a", sandbox)
            _ = try await node.runtime.startSandbox(configuration)
            let status = try await node.runtime.startContainer(node.container(command, change), in: "a")
            let cgroup = node.runtime.host.cgroups.podPath(id: "a", qos: configuration.qos) + "/main-0"
            try await body(Pod(node: node, id: "a", cgroup: cgroup, main: status.pid))
        }
    }

    private func text(_ outcome: CommandOutcome) -> String { String(decoding: outcome.output, as: UTF8.self) }

    @Test func exitCodesAndOutputComeBack() async throws {
        try await withPod { pod in
            let failed = try await pod.run("echo out; echo err >&2; exit 3")
            #expect(failed == CommandOutcome(exitCode: 3, output: Array("out\nerr\n".utf8)))
            #expect(try await pod.run(["true"]) == CommandOutcome(exitCode: 0))
            #expect(try await pod.run("kill -KILL $$").exitCode == 137)
            #expect(try await pod.run("kill -TERM $$").exitCode == 143)
            // Nothing to read, and nothing of ours in reach.
            let inside = try await pod.run("cat; cd /proc/self/fd; echo *")
            // The shell has one of its own for the folder.
            let descriptors = Set(text(inside).split { " \n".contains($0) }.map(String.init))
            #expect(descriptors.isSubset(of: ["0", "1", "2", "3"]) && descriptors.count >= 3, "\(descriptors)")
            #expect(pod.isQuiet)
        }
    }

    @Test func whatIsTooLongIsCutAndTheCommandGoesOn() async throws {
        try await withPod { pod in
            let long = try await pod.run("seq 200000; touch /tmp/through", limit: 100)
            #expect(long.output.count == 100 && long.truncated && long.exitCode == 0)
            #expect(text(long).hasPrefix("1\n2\n3\n"))
            #expect(try await pod.run(["ls", "/tmp"]).output == Array("through\n".utf8))
            let exact = try await pod.run(["echo", "1234"], limit: 5)
            #expect(exact.output.count == 5 && !exact.truncated)
            // Closed output is not the command's end.
            let closed = try await pod.run("exec >&- 2>&-; sleep 0.3; exit 9")
            #expect(closed == CommandOutcome(exitCode: 9))
        }
    }

    @Test func theDeadlineEndsAllOfACommand() async throws {
        try await withPod { pod in
            let begin = ContinuousClock.now
            let late = try await pod.run(
                "echo begun; trap '' TERM HUP; sleep 1001 & (setsid sleep 1002 &); sleep 1003",
                deadline: .milliseconds(300))
            let time = ContinuousClock.now - begin
            #expect(late == CommandOutcome(exitCode: 137, timedOut: true, output: Array("begun\n".utf8)))
            #expect(time >= .milliseconds(300) && time < .seconds(5), "\(time)")
            #expect(pod.isQuiet, "\(pod.commands)")
        }
    }

    @Test func whatIsLeftInTheBackgroundEndsWithTheCommand() async throws {
        try await withPod { pod in
            let begin = ContinuousClock.now
            let outcome = try await pod.run("sleep 1001 & (setsid sleep 1002 &); echo done")
            #expect(outcome == CommandOutcome(exitCode: 0, output: Array("done\n".utf8)))
            #expect(ContinuousClock.now - begin < .seconds(5))
            #expect(pod.isQuiet, "\(pod.commands)")
        }
    }

    static let portrait = """
        id -u; id -g; id -G; pwd; umask; hostname; cat /proc/self/oom_score_adj; env | grep -v -e '^_=' | sort
        grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status
        for kind in mnt pid net ipc uts cgroup user; do readlink /proc/self/ns/$kind; done
        touch /probe 2>&1
        """

    static let variants:
        [(String, @Sendable (inout SandboxConfiguration) -> Void, @Sendable (inout ContainerConfiguration) -> Void)] = [
            ("plain", { _ in }, { _ in }),
            (
                "a user of the image", { _ in },
                {
                    $0.image = "layered"
                    $0.workingDirectory = "/var/lib/somewhere"
                    $0.environment = [EnvironmentVariable(name: "GREETING", value: "two words")]
                    $0.oomScoreAdjust = 300
                }
            ),
            (
                "a user of the pod", { $0.shareProcessNamespace = true },
                {
                    $0.user = ContainerUser(uid: 4000, gid: 5000, supplementalGroups: [7, 8])
                    $0.security.noNewPrivileges = true
                    $0.security.dropCapabilities = ["ALL"]
                    $0.security.readOnlyRootFilesystem = true
                }
            ),
            (
                "the host's namespaces",
                {
                    $0.hostNetwork = true
                    $0.hostIPC = true
                    $0.hostPID = true
                }, { $0.security.addCapabilities = ["NET_ADMIN"] }
            ),
            ("privileged", { _ in }, { $0.security.privileged = true }),
        ]

    @Test(arguments: variants.indices) func aCommandIsAsTheMainProcess(variant: Int) async throws {
        let (name, sandbox, change) = Self.variants[variant]
        try await withPod(["sh", "-c", Self.portrait + "\necho end\nexec sleep 1000"], sandbox: sandbox, change) {
            pod in
            let status = try #require(await pod.node.runtime.status(of: "a")?.containers.first)
            try await eventually { pod.node.text(of: status).hasSuffix("end") }
            let outcome = try await pod.run(Self.portrait + "\necho end")
            let expected = pod.node.text(of: status)
            #expect(text(outcome) == expected + "\n", "\(name)")
            #expect(expected.split(separator: "\n").count > 20)
        }
    }

    @Test func commandsRunBesideEachOther() async throws {
        try await withPod { pod in
            try await withThrowingTaskGroup(of: (Int, CommandOutcome).self) { group in
                for index in 0..<24 {
                    group.addTask { (index, try await pod.run("echo \(index); sleep 0.1; exit \(index)")) }
                }
                for try await (index, outcome) in group {
                    #expect(outcome == CommandOutcome(exitCode: Int32(index), output: Array("\(index)\n".utf8)))
                }
            }
            #expect(pod.isQuiet)
        }
    }

    @Test func thereIsALimitToHowMany() async throws {
        try await withPod { pod in
            try await withThrowingTaskGroup(of: CommandOutcome.self) { group in
                for _ in 0..<64 { group.addTask { try await pod.run(["sleep", "1000"]) } }
                try await eventually { pod.commands.count == 64 }
                let error = await #expect(throws: RuntimeError.self) { try await pod.run(["true"]) }
                #expect(error?.kind == .busy && error?.object == "main", "\(String(describing: error))")
                group.cancelAll()
                while let result = await group.nextResult() {
                    #expect(throws: CancellationError.self) { try result.get() }
                }
            }
            #expect(pod.isQuiet)
            #expect(try await pod.run(["true"]).exitCode == 0)
        }
    }

    @Test func theEndOfTheContainerIsTheEndOfItsCommands() async throws {
        for shares in [false, true] {
            try await withPod(sandbox: { $0.shareProcessNamespace = shares }) { pod in
                async let outcome = pod.run("sleep 1001 & sleep 1002")
                try await eventually { pod.commands.count == 1 }
                try await pod.node.runtime.stopContainer("main", in: "a", signal: "KILL", grace: .seconds(10))
                #expect(try await outcome.exitCode == 137)
                let error = await #expect(throws: RuntimeError.self) { try await pod.run(["true"]) }
                #expect(error?.kind == .notFound, "\(String(describing: error))")
                try await eventually { !FileAccess.exists(pod.cgroup) }
            }
        }
    }

    @Test func whatCannotBeRunIsNamed() async throws {
        try await withPod { pod in
            func failure(_ command: [String], in container: String = "main") async -> RuntimeError? {
                await #expect(throws: RuntimeError.self) {
                    try await pod.node.runtime.run(
                        command, in: container, of: "a", deadline: .seconds(5), outputLimit: 100)
                }
            }
            let missing = await failure(["nosuchprogram", "x"])
            #expect(missing?.kind == .start && missing?.step == "exec" && missing?.object == "nosuchprogram")
            #expect(missing?.message == "exec: \"nosuchprogram\": executable file not found in $PATH")
            let path = await failure(["/bin/nosuchprogram"])
            #expect(path?.kind == .start && path?.message.contains("/bin/nosuchprogram") == true)
            let interpreter = await failure(["nointerpreter"])
            #expect(interpreter?.kind == .start && interpreter?.message.contains("interpreter") == true)
            let plain = await failure(["/bin/notexecutable"])
            #expect(plain?.kind == .start && plain?.errno == EACCES)
            #expect(await failure([])?.kind == .configuration)
            #expect(await failure([""])?.kind == .configuration)
            #expect(await failure(["true"], in: "other")?.kind == .notFound)
            await #expect(throws: RuntimeError.self) {
                try await pod.node.runtime.run(["true"], in: "main", of: "b", deadline: .seconds(5), outputLimit: 1)
            }
            try await eventually { pod.isQuiet }
        }
    }

    /// The supervisor by itself, beside what the agent sees to.
    @Test func theSupervisorRefusesWhatDoesNotRun() async throws {
        try await withPod(["true"]) { pod in
            _ = try await pod.node.end(of: "main", in: "a")
            let client = try #require(await pod.node.runtime.find("a")?.client)
            let null = try FileAccess.open("/dev/null", O_RDWR)
            for container in ["main-0", "nothing-0"] {
                let error = await #expect(throws: RuntimeError.self) {
                    try await client.request(
                        .run(RunRequest(container: container, deadlineMilliseconds: 1000)), [null, null], kind: .create,
                        step: "run")
                }
                #expect(error?.errno == ESRCH)
            }
            let none = await #expect(throws: RuntimeError.self) {
                try await client.request(
                    .run(RunRequest(container: "main-0", deadlineMilliseconds: 1)), kind: .create, step: "run")
            }
            #expect(none?.errno == EINVAL)
        }
    }

    @Test func anAgentThatGoesLeavesNoCommandBehind() async throws {
        try await withPod { pod in
            let old = try #require(pod.node.runtime.find("a"))
            let outcome = Task { try await pod.run("sleep 1001 & sleep 1002", deadline: .seconds(3600)) }
            try await eventually { pod.commands.count == 1 }
            await old.abandonForTest()
            await #expect(throws: RuntimeError.self) { try await outcome.value }
            try await eventually { pod.isQuiet }

            // The next agent knows how to run commands there, though it has not started the container.
            let second = try await PodRuntime(
                configuration: pod.node.configuration, images: pod.node.images, logger: Logger(label: "second"))
            _ = try await second.recover()
            let again = try await second.run(
                ["sh", "-c", "echo $FROM_IMAGE"], in: "main", of: "a", deadline: .seconds(5), outputLimit: 10)
            #expect(text(again) == "yes\n")
            // A supervisor of an earlier version has not said that it can.
            await second.find("a")?.setFeaturesForTest(Hello.sharedProcessNamespace)
            let error = await #expect(throws: RuntimeError.self) {
                try await second.run(["true"], in: "main", of: "a", deadline: .seconds(5), outputLimit: 10)
            }
            #expect(error?.message.contains("earlier version") == true)
            try await second.removeSandbox("a", removeLogs: true)
        }
    }

    @Test func removingAPodEndsItsCommands() async throws {
        try await withPod { pod in
            let outcome = Task { try await pod.run(["sleep", "1000"]) }
            try await eventually { pod.commands.count == 1 }
            try await pod.node.runtime.removeSandbox("a", removeLogs: true)
            let result = await outcome.result
            if case .success(let outcome) = result { #expect(outcome.exitCode == 137) }
        }
    }
}

extension Sandbox {
    func setFeaturesForTest(_ features: UInt64) { self.features = features }
}
