import Foundation
import LinuxKernel
import Logging
import Testing

@testable import PodRuntime

@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct RecoveryPrivilegedTests {
    @Test func aNewAgentFindsWhatRunsAndWhatEnded() async throws {
        try await TestNode.with(2) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            let runs = try await node.runtime.startContainer(node.container(["sleep", "1000"], name: "runs"), in: "a")
            let ends = try await node.runtime.startContainer(
                node.container(["sh", "-c", "sleep 0.3; echo bye > /dev/termination-log; exit 4"], name: "ends") {
                    $0.terminationMessagePath = "/dev/termination-log"
                }, in: "a")
            // The first agent does not look any more; the pod goes on.
            let old = try #require(node.runtime.find("a"))
            await old.abandonForTest()
            try await eventually {
                FileAccess.exists("\(node.configuration.runDirectory)/pods/a/containers/ends-0/exit")
            }

            let second = try await PodRuntime(
                configuration: node.configuration, images: node.images, logger: Logger(label: "second"))
            let found = try await second.recover()
            let status = try #require(found.first)
            #expect(found.count == 1 && status.state == .ready)
            let before = await node.runtime.status(of: "a")
            #expect(status.addresses.count == 1 && status.addresses == before?.addresses)
            let running = try #require(status.containers.first { $0.name == "runs" })
            #expect(running.pid == runs.pid && running.exit == nil && running.startedAt == runs.startedAt)
            let ended = try #require(status.containers.first { $0.name == "ends" })
            #expect(ended.pid == ends.pid && ended.exit?.code == 4 && ended.exit?.message == "bye\n")
            // It is the second agent's now, as if it had started it.
            try await second.stopContainer("runs", in: "a", signal: "KILL", grace: .seconds(5))
            #expect(await second.status(of: "a")?.containers.first { $0.name == "runs" }?.exit?.code == 137)
            try await second.removeSandbox("a", removeLogs: true)
        }
    }

    @Test func aDeadSupervisorEndsThePod() async throws {
        try await TestNode.with(2) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(node.container(["sleep", "1000"]), in: "a")
            let shim = try #require(await node.runtime.find("a")?.record.shimPID)
            #expect(kill(shim, SIGKILL) == 0)
            var lost = false
            for await event in node.runtime.events {
                if case .sandboxLost(id: "a", reason: _) = event { lost = true; break }
            }
            #expect(lost)
            let status = try #require(await node.runtime.status(of: "a"))
            #expect(status.state == .notReady && status.containers.first?.exit?.code == 137)
            // Dead, if not reaped: that is for whoever the shim left its children to.
            let cgroup = node.runtime.host.cgroups.podPath(id: "a", qos: .bestEffort)
            #expect(try node.runtime.host.cgroups.processes(cgroup).isEmpty)
            await #expect(throws: RuntimeError.self) {
                try await node.runtime.startContainer(node.container(["true"], attempt: 1), in: "a")
            }
            try await node.runtime.removeSandbox("a", removeLogs: true)
            // The name is free again.
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            try await node.runtime.removeSandbox("a", removeLogs: true)
        }
    }

    @Test func aSandboxOfAnotherBootIsNotReady() async throws {
        try await TestNode.with(2) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(node.container(["true"]), in: "a")
            _ = try await node.end(of: "main", in: "a")
            let old = try #require(node.runtime.find("a"))
            await old.abandonForTest()
            let path = "\(node.configuration.runDirectory)/pods/a/sandbox.json"
            var record = try Facts.read(SandboxRecord.self, from: path)
            let shim = record.shimPID
            record.bootID = "another"
            try Facts.write(record, to: path)
            let second = try await PodRuntime(
                configuration: node.configuration, images: node.images, logger: Logger(label: "second"))
            let status = try #require(try await second.recover().first)
            #expect(status.state == .notReady && status.containers.first?.exit?.code == 0)
            kill(shim, SIGKILL)
            await old.reapShim()
            try await second.removeSandbox("a", removeLogs: true)
        }
    }

    @Test func whatCannotBeReadIsSetAside() async throws {
        try await TestNode.with(2) { node in
            let folder = "\(node.configuration.runDirectory)/pods/broken"
            try FileAccess.makeDirectories(folder)
            try "{ half".write(toFile: folder + "/sandbox.json", atomically: false, encoding: .utf8)
            #expect(try await node.runtime.recover().isEmpty)
            let aside = try FileAccess.list(node.configuration.runDirectory + "/set-aside")
            #expect(aside.count == 1 && aside[0].hasPrefix("broken-"))
            #expect(
                try FileAccess.readText("\(node.configuration.runDirectory)/set-aside/\(aside[0])/sandbox.json")
                    == "{ half")
        }
    }
}

extension Sandbox {
    /// As if this agent had been killed: the line is cut, and nothing is done about it.
    func abandonForTest() {
        phase = .notReady
        if let client {
            host.poller.remove(client)
            shutdown(client.socket.rawValue, Int32(SHUT_RDWR))
            client.close()
        }
        client = nil
    }
}
