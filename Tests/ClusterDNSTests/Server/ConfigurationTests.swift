import ClusterDNS
import InternetAddress
import Testing

@Suite struct Configuration {
    @Test func `an upstream is asked on the port of DNS unless it says another`() throws {
        let address = try #require(IPAddress("192.0.2.53"))
        #expect(ClusterDNSConfiguration.Upstream(address: address).port == 53)
    }

    @Test func `upstreams are the name servers of resolv.conf`() throws {
        let upstreams = ClusterDNSConfiguration.Upstream.parse(
            resolverFile: """
                # nameserver 192.0.2.1
                search example.org
                nameserver 127.0.0.53
                nameserver\t2001:db8::53
                nameserver 127.0.0.53
                nameserver fe80::1%eth0
                nameserver
                options ndots:2
                """)
        #expect(upstreams.map(\.address.description) == ["127.0.0.53", "2001:db8::53"])
    }
}
