import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

/// The checker itself: it says nothing about a sound node, and names each thing that is wrong.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct InvariantCheckerPrivilegedTests {
    @Test func aSoundNodeHasNoViolations() async throws {
        try await TestNode.with(70) { node in
            let checker = InvariantChecker(configuration: node.configuration)
            #expect(try checker.check(expected: []).isEmpty)
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startSandbox(node.sandbox("b") { $0.qos = .guaranteed })
            _ = try await node.runtime.startContainer(node.container(["sleep", "1000"]), in: "a")
            _ = try await node.runtime.startContainer(node.container(["sleep", "1000"], name: "side"), in: "a")
            _ = try await node.runtime.startContainer(node.container(["true"]), in: "b")
            _ = try await node.end(of: "main", in: "b")
            #expect(try checker.check(expected: ["a", "b"]).isEmpty)
            #expect(
                try checker.check(expected: ["a", "c"]).map(\.message) == [
                    "the sandbox has no facts", "facts of a sandbox that should be gone",
                ])
            for id in ["a", "b"] { try await node.runtime.removeSandbox(id, removeLogs: true) }
            #expect(try checker.check(expected: []).isEmpty)
        }
    }

    @Test func whatDoesNotBelongIsNamed() async throws {
        try await TestNode.with(71) { node in
            let checker = InvariantChecker(configuration: node.configuration)
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            let status = try await node.runtime.startContainer(node.container(["sleep", "1000"]), in: "a")
            func subjects() throws -> Set<InvariantViolation.Subject> {
                Set(try checker.check(expected: ["a"]).map(\.subject))
            }

            let stray = node.configuration.cgroupParent + "/podstray"
            try FileAccess.makeDirectory(stray)
            #expect(try subjects() == [.cgroup])
            try FileAccess.removeDirectory(stray)

            let folder = node.configuration.dataDirectory + "/sandboxes/stray"
            try FileAccess.makeDirectory(folder)
            #expect(try subjects() == [.folder])
            try FileAccess.removeDirectory(folder)

            let device = PodNetwork.devicePrefix(of: node.configuration.bridge) + "ff"
            let socket = try NetlinkSocket(.route)
            try socket.request([RouteMessage.addBridge(device, hardwareAddress: [2, 0, 0, 0, 0, 9])])
            #expect(try checker.check().filter { $0.object == device }.count == 2)
            try socket.request([RouteMessage.deleteLink(device)])

            let mount = node.configuration.runDirectory + "/pods/a/rootfs"
            try Mount.mount("stray", on: mount, type: "tmpfs", flags: 0, data: "size=4k")
            #expect(try subjects() == [.mount])
            try Mount.unmount(mount)

            // A process of the container that nobody knows is fine; one in the pod's cgroup itself is not.
            let process = Foundation.Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sleep")
            process.arguments = ["1000"]
            try process.run()
            let system = node.configuration.cgroupParent + "-system/cgroup.procs"
            try FileAccess.writeOnce(system, "\(process.processIdentifier)")
            #expect(try checker.check().map(\.object) == ["\(process.processIdentifier)"])
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(try checker.check(expected: ["a"]).isEmpty)
            #expect(status.pid > 0)
        }
    }

    @Test func aNodeThatIsDownHasNoLeaksAndOneThatIsUpHas() async throws {
        var configuration: RuntimeConfiguration?
        try await TestNode.with(72) { node in
            configuration = node.configuration
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            let subjects = Set(try InvariantChecker(configuration: node.configuration).leaks().map(\.subject))
            #expect(subjects.isSuperset(of: [.cgroup, .process, .mount, .device, .nftables, .folder]))
            try await node.runtime.removeSandbox("a", removeLogs: true)
        }
        #expect(try InvariantChecker(configuration: try #require(configuration)).leaks().isEmpty)
    }
}
