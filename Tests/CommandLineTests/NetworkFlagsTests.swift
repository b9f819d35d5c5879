import InternetAddress
import Testing

@testable import minikube_lite

@Suite struct NetworkFlagsTests {
    @Test func `what is not said is as Kubernetes has it`() throws {
        let flags = try NodeOptions.parse([]).network
        #expect(flags.podRanges.map(\.description) == ["10.244.0.0/24"])
        #expect(flags.serviceRanges.map(\.description) == ["10.96.0.0/12"])
        #expect(flags.nodePorts == 30000...32767 && flags.clusterDomain == "cluster.local")
    }

    @Test func `two families are two ranges, and the first is the pods' own`() throws {
        let words = ["--pod-cidr", "10.9.0.0/24,fd09::/64", "--service-cidr", "10.97.0.0/16,fd97::/112"]
        let flags = try NodeOptions.parse(words).network
        #expect(flags.podRanges.map(\.family) == [.v4, .v6] && flags.serviceRanges.map(\.family) == [.v4, .v6])
        // One family of services is enough.
        #expect(try NodeOptions.parse(Array(words.prefix(2))).network.serviceRanges.count == 1)
        let again = try NodeOptions.parse(try NodeOptions.parse(words).words).network
        #expect(again.podRanges == flags.podRanges && again.serviceRanges == flags.serviceRanges)
    }

    @Test func `unsafe sysctls are passed on`() throws {
        let options = try NodeOptions.parse(["--allowed-unsafe-sysctls", "kernel.msg*,net.core.somaxconn"])
        #expect(try NodeOptions.parse(options.words).network.sysctls == options.network.sysctls)
        #expect(options.network.sysctls != NetworkFlags.defaults?.sysctls)
    }

    /// Each refusal names the flag that is wrong.
    @Test(arguments: [
        (["--pod-cidr", "10.0.0.0/33"], "--pod-cidr"), (["--pod-cidr", "10.0.0.1/24"], "--pod-cidr"),
        (["--pod-cidr", "10.0.0.0/30"], "/8 to /29"), (["--pod-cidr", "10.1.0.0/24,10.2.0.0/24"], "two ranges"),
        (["--pod-cidr", "10.1.0.0/24,"], "--pod-cidr"), (["--pod-cidr", "127.0.0.0/24"], "loopback"),
        (["--pod-cidr", "fe80::/64", "--service-cidr", "fd00::/112"], "link-local"),
        (["--service-cidr", "10.96.0.0/8"], "--service-cidr"), (["--service-cidr", "10.96.0.0/29"], "/12 to /28"),
        (["--service-cidr", "fd00::/112"], "of the families of --pod-cidr"),
        (["--service-cidr", "10.96.0.0/12,fd00::/112"], "of the families of --pod-cidr"),
        (["--pod-cidr", "10.100.0.0/24"], "--pod-cidr 10.100.0.0/24 and --service-cidr 10.96.0.0/12 overlap"),
        (["--service-node-port-range", "32767-30000"], "--service-node-port-range"),
        (["--service-node-port-range", "80-90"], "--service-node-port-range"),
        (["--resolv-conf", "/nowhere/resolv.conf"], "--resolv-conf"),
        (["--cluster-domain", "Cluster_Local"], "--cluster-domain"),
        (["--allowed-unsafe-sysctls", "vm.swappiness"], "--allowed-unsafe-sysctls"),
    ]) func `wrong values are refused with the flag's name`(_ words: [String], _ said: String) {
        let error = #expect(throws: (any Error).self) { try NodeOptions.parse(words) }
        #expect(error.map { NodeOptions.message(for: $0) }?.contains(said) == true)
    }
}
