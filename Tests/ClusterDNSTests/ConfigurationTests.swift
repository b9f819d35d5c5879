import ClusterDNS
import InternetAddress
import Testing

@Suite struct Configuration {
    @Test func `an upstream is asked on the port of DNS unless it says another`() throws {
        let address = try #require(IPAddress("192.0.2.53"))
        #expect(ClusterDNSConfiguration.Upstream(address: address).port == 53)
    }
}
