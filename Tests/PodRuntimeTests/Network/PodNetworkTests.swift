import Foundation
import InternetAddress
import LinuxKernel
import Testing

@testable import PodRuntime

@Suite struct IPv4RangeTests {
    @Test(arguments: ["10.0.0.0", "10.0.0.1/24", "10.0.0.0/33", "10.0.0/24", "10.0.0.256/24", "010.0.0.0/8", "/24", ""])
    func whatIsNoNetworkIsRefused(text: String) { #expect(IPv4Range(text) == nil) }

    @Test func rangesOverlapWhereOneContainsTheOther() throws {
        let range = try #require(IPv4Range("10.244.0.0/24"))
        #expect(range.overlaps(try #require(IPv4Range("10.0.0.0/8"))))
        #expect(range.overlaps(try #require(IPv4Range("10.244.0.128/25"))))
        #expect(!range.overlaps(try #require(IPv4Range("10.244.1.0/24"))))
        #expect(range.description == "10.244.0.0/24")
    }
}

@Suite struct AddressPoolTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    func pool(_ cidr: String = "10.9.0.0/29") throws -> AddressPool {
        try AddressPool(range: try #require(IPv4Range(cidr)), directory: directory.path + "/addresses")
    }

    @Test func addressesAreGivenOnceAndOutliveTheAgent() throws {
        var first = try pool()
        let a = try first.claim(id: "a") { _ in "da" }
        let b = try first.claim(id: "b") { _ in "db" }
        #expect(IPv4Range.text(a) == "10.9.0.2" && IPv4Range.text(b) == "10.9.0.3")
        var second = try pool()
        #expect(second.address(of: "a") == a)
        #expect(try second.claim(id: "c") { _ in "dc" } != a)
    }

    @Test func aReleasedAddressIsNotGivenBeforeItsDeviceIsGone() throws {
        var pool = try pool()
        for id in ["a", "b", "c", "d", "e"] { _ = try pool.claim(id: id) { "d\($0)" } }
        let a = try #require(pool.address(of: "a"))
        try pool.release(a)
        #expect(pool.address(of: "a") == nil)
        let error = #expect(throws: RuntimeError.self) { try pool.claim(id: "f") { _ in "" } }
        #expect(error?.message.contains("4 in use, 1 not free yet") == true)
        // Also not after a restart.
        var again = try self.pool()
        #expect(throws: RuntimeError.self) { try again.claim(id: "f") { _ in "" } }
        try again.free(a)
        #expect(try again.claim(id: "f") { _ in "" } == a)
    }

    @Test func aRecordThatCannotBeReadIsKeptAndItsAddressToo() throws {
        try directory.write("addresses/10.9.0.2", "{ half")
        var pool = try pool()
        #expect(pool.unreadable == [directory.path + "/addresses/10.9.0.2"])
        #expect(IPv4Range.text(try pool.claim(id: "a") { _ in "" }) == "10.9.0.3")
        #expect(directory.read("addresses/10.9.0.2") == "{ half")
    }
}

// Not declared by Swift's Glibc module (it needs _GNU_SOURCE).
@_silgen_name("unshare") private func c_unshare(_ flags: Int32) -> Int32

/// A network namespace that lives as long as its descriptor, and a socket in it: made on a thread of its own, which
/// ends in it.
private func makeNamespace() async throws -> (namespace: FileDescriptor, netlink: FileDescriptor) {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            continuation.resume(
                with: Result {
                    guard c_unshare(0x4000_0000) == 0 else { throw SystemError(call: "unshare", errno: errno) }
                    return (
                        try FileDescriptor.open("/proc/thread-self/ns/net", O_RDONLY),
                        try NetlinkSocket(.route).descriptor
                    )
                })
        }.start()
    }
}

/// Real devices with names of this test's own.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct PodNetworkPrivilegedTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run
    let bridge = "mklrt\(getpid() % 100_000)"
    let cidr = "10.199.\(getpid() % 250).0/28"

    /// Nothing of a network outlives its test, however that ends.
    func withNetwork(_ body: (PodNetwork) async throws -> Void) async throws {
        let network = try PodNetwork(
            bridge: bridge, ranges: [try #require(IPRange(cidr))], stateDirectory: directory.path + "/net")
        try await network.setUpBridge()
        do { try await body(network) } catch {
            try? await network.tearDown()
            throw error
        }
        try await network.tearDown()
        #expect(try !links().contains { $0.name == bridge || $0.name.hasPrefix(network.devicePrefix) })
        #expect(try !tables().contains(network.tableName))
    }

    func links() throws -> [RouteMessage.Link] {
        try NetlinkSocket(.route).request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
    }

    func tables() throws -> [String] {
        try NetlinkSocket(.netfilter).request([TablesMessage.listTables()]).compactMap(TablesMessage.tableName)
    }

    @Test func aPodIsAttachedReachedAndReleased() async throws {
        try await withNetwork { network in
            try await network.setUpBridge()
            #expect(try tables().contains(network.tableName))
            var pod: (namespace: FileDescriptor, netlink: FileDescriptor)? = try await makeNamespace()
            let given = try await network.attach(id: "a", netns: pod!.namespace, podNetlink: pod!.netlink)
            #expect(given.addresses == [try #require(network.ranges[0].address(at: 2))])
            #expect(network.address(of: "a") == given)
            #expect(try links().contains { $0.name == given.device && $0.isUp && $0.master != 0 })
            let inside = NetlinkSocket(adopting: pod!.netlink)
            let addresses = try inside.request([RouteMessage.listAddresses()]).compactMap(RouteMessage.Address.init)
            #expect(
                addresses.contains {
                    given.addresses[0].bytes == $0.address && $0.prefixLength == 32
                })
            #expect(answers(given.addresses[0].description))

            let twice = try await makeNamespace()
            await #expect(throws: RuntimeError.self) {
                try await network.attach(id: "a", netns: twice.namespace, podNetlink: twice.netlink)
            }
            network.release("a")
            #expect(network.address(of: "a") == nil)
            #expect(network.leavingCount == 1)
            pod = nil
            // The namespace's end is told by the kernel.
            try await eventually { network.leavingCount == 0 }
            #expect(try !links().contains { $0.name == given.device })
        }
    }

    @Test func anotherAgentFindsWhatPodsHold() async throws {
        try await withNetwork { first in
            let pod = try await makeNamespace()
            let given = try await first.attach(id: "a", netns: pod.namespace, podNetlink: pod.netlink)
            let second = try PodNetwork(
                bridge: bridge, ranges: [try #require(IPRange(cidr))], stateDirectory: directory.path + "/net")
            try await second.setUpBridge()
            #expect(second.address(of: "a") == given)
            second.releaseAll(except: ["a"])
            #expect(second.holders == ["a"])
            second.releaseAll(except: [])
            // Its namespace does not end: the device is removed by us.
            try await eventually { second.leavingCount == 0 }
            #expect(try !links().contains { $0.name == given.device })
        }
    }

    @Test func aBridgeThatIsNotOursAndARangeThatIsTakenAreRefused() async throws {
        let socket = try NetlinkSocket(.route)
        try socket.request([RouteMessage.addBridge(bridge, hardwareAddress: [2, 0, 0, 0, 0, 1])])
        defer { _ = try? socket.request([RouteMessage.deleteLink(bridge)]) }
        let network = try PodNetwork(
            bridge: bridge, ranges: [try #require(IPRange(cidr))], stateDirectory: directory.path + "/net")
        let error = await #expect(throws: RuntimeError.self) { try await network.setUpBridge() }
        #expect(error?.message.contains("was not made by minikube-lite") == true)
        try socket.request([RouteMessage.deleteLink(bridge)])

        try await withNetwork { _ in
            let other = try PodNetwork(
                bridge: bridge + "x",
                ranges: [try #require(IPRange(cidr.replacingOccurrences(of: "/28", with: "/26")))],
                stateDirectory: directory.path + "/other")
            let overlap = await #expect(throws: RuntimeError.self) { try await other.setUpBridge() }
            #expect(overlap?.message.contains("overlaps \(cidr)") == true)
            #expect(try !links().contains { $0.name == bridge + "x" })
        }
    }

    @Test func aFailedAttachLeavesNothing() async throws {
        try await withNetwork { network in
            let pod = try await makeNamespace()
            let notANamespace = try FileDescriptor.open("/dev/null", O_RDONLY)
            await #expect(throws: RuntimeError.self) {
                try await network.attach(id: "a", netns: notANamespace, podNetlink: pod.netlink)
            }
            try await eventually { network.leavingCount == 0 }
            #expect(network.holders.isEmpty)
            let given = try await network.attach(id: "a", netns: pod.namespace, podNetlink: pod.netlink)
            #expect(!given.addresses.isEmpty)
        }
    }

    /// A closed port of a host that is there refuses at once.
    private func answers(_ address: String) -> Bool {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(fd) }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = UInt16(9).bigEndian
        inet_pton(AF_INET, address, &target.sin_addr)
        let result = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == -1 && errno == ECONNREFUSED
    }
}

/// Waits for what another thread or the kernel brings about, for at most ten seconds.
func eventually(_ condition: () throws -> Bool) async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(10)
    while try !condition() {
        guard clock.now < end else {
            Issue.record("did not come about within ten seconds")
            return
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}
