import Testing

@testable import PodRuntime

@Suite struct SandboxFilesTests {
    private func configuration(_ change: (inout SandboxConfiguration) -> Void) -> SandboxConfiguration {
        var configuration = SandboxConfiguration(
            id: "a", name: "web", namespace: "default", hostname: "web", qos: .bestEffort, logDirectory: "/nowhere")
        change(&configuration)
        return configuration
    }

    private func last(_ count: Int, of text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().suffix(count).joined(separator: "\n")
    }

    @Test func `the pod's own names, for each of its addresses`() {
        let plain = SandboxFiles.hosts(addresses: ["10.0.0.2"], configuration: configuration { _ in })
        #expect(plain.hasPrefix("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"))
        #expect(last(2, of: plain) == "fe00::2\tip6-allrouters\n10.0.0.2\tweb")
        let named = SandboxFiles.hosts(
            addresses: ["10.0.0.2", "fd00::2"],
            configuration: configuration {
                // setHostnameAsFQDN
                $0.hostname = "db-0.db.default.svc.cluster.local"
                $0.fqdn = "db-0.db.default.svc.cluster.local"
                $0.shortName = "db-0"
            })
        #expect(
            last(2, of: named)
                == "10.0.0.2\tdb-0.db.default.svc.cluster.local\tdb-0\n"
                + "fd00::2\tdb-0.db.default.svc.cluster.local\tdb-0")
    }

    @Test func `aliases come last, on a line for each address`() {
        let aliased = configuration {
            $0.hostAliases = [
                HostAlias(ip: "192.0.2.1", hostnames: ["a", "b.example"]), HostAlias(ip: "::5", hostnames: ["c"]),
            ]
        }
        let aliases = "\n# Entries added by HostAliases.\n192.0.2.1\ta\tb.example\n::5\tc\n"
        #expect(SandboxFiles.hosts(addresses: [], configuration: aliased).hasSuffix("ip6-allrouters\n" + aliases))
        let ofHost = SandboxFiles.hostsOfHost(aliased)
        #expect(ofHost.hasPrefix("# Kubernetes-managed hosts file (host network).\n"))
        #expect(ofHost.hasSuffix(aliases))
    }
}
