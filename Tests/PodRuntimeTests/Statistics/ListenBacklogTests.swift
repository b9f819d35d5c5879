import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

@Suite struct ListenBacklogTests {
    /// As Linux 6.1 writes it: a listener with two connections that wait, an idle one, a handshake, a connection.
    static let text = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 00000000:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 11111 1 00000000 100
        4711: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 22222 1 00000000 100
           2: 0100007F:1F90 0100007F:9C40 03 00000000:00000000 01:00000063 00000000     0        0 0 1 00000000
           3: 0100007F:1F90 0100007F:9C42 01 00000000:00000011 00:00000000 00000000     0        0 33333 1 00000000 20

        """

    @Test func whatWaitsAtListenersIsCounted() {
        #expect(ListenBacklog.count(Self.text, of: nil) == 3)
        #expect(ListenBacklog.count(Self.text, of: [11111, 33333]) == 2)
        #expect(ListenBacklog.count(Self.text, of: [22222]) == 0)
        for broken in ["", "sl\n", "sl\n 0: x 0A\n", "sl\n 0: a b 0A c d e f g h i j\n"] {
            #expect(ListenBacklog.count(broken, of: nil) == 0)
        }
    }
}

/// Real listeners in real pods.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct ListenBacklogPrivilegedTests {
    @Test(arguments: [false, true]) func connectionsThatNobodyHasAcceptedAreCounted(hostNetwork: Bool) async throws {
        try await TestNode.with(8) { node in
            let port = 20000 + Int(getpid() % 10000) + (hostNetwork ? 1 : 0)
            _ = try await node.runtime.startSandbox(node.sandbox("a") { $0.hostNetwork = hostNetwork })
            #expect(try await node.runtime.pendingConnections(of: "a") == 0)
            _ = try await node.runtime.startContainer(
                node.container(["/payload", "listen", "\(port)"]) {
                    $0.mounts = [
                        ContainerMount(
                            source: .host(path: TestNode.binaries + "/payload", subPath: nil), target: "/payload")
                    ]
                }, in: "a")
            let status = try #require(await node.runtime.status(of: "a")?.containers.first)
            try await eventually { node.text(of: status).contains("listening") }
            #expect(try await node.runtime.pendingConnections(of: "a") == 0)
            // Someone else's listener in the host's namespace is no business of the pod.
            let others = try makeListenerWithAConnection()
            defer { for socket in others { close(socket) } }

            async let clients = node.runtime.run(
                ["sh", "-c", "for i in 1 2 3; do nc 127.0.0.1 \(port) & done; wait"], in: "main", of: "a",
                deadline: .seconds(20), outputLimit: 0)
            try await eventuallyEqual(3) { try await node.runtime.pendingConnections(of: "a") }
            // The payload accepts all, and closes them.
            try await node.runtime.signalContainer("main", in: "a", signal: "USR1")
            try await eventuallyEqual(0) { try await node.runtime.pendingConnections(of: "a") }
            #expect(try await clients.timedOut == false)

            try await node.runtime.stopContainer("main", in: "a", signal: "KILL", grace: .seconds(5))
            #expect(try await node.runtime.pendingConnections(of: "a") == 0)
            await #expect(throws: RuntimeError.self) { try await node.runtime.pendingConnections(of: "b") }
        }
    }

    private func makeListenerWithAConnection() throws -> [Int32] {
        let sockets = (0..<2).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let results = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                [
                    bind(sockets[0], $0, length), listen(sockets[0], 3), getsockname(sockets[0], $0, &length),
                    connect(sockets[1], $0, length),
                ]
            }
        }
        try #require(results == [0, 0, 0, 0])
        return sockets
    }

    private func eventuallyEqual(_ expected: Int, _ value: () async throws -> Int) async throws {
        let end = ContinuousClock.now + .seconds(10)
        var last = try await value()
        while last != expected, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(2))
            last = try await value()
        }
        #expect(last == expected)
    }
}
