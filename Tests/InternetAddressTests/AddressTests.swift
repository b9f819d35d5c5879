import InternetAddress
import Testing

@Suite struct Addresses {
    /// Text that is read, and the canonical text that it becomes (RFC 5952 sections 4.1 to 4.3 and 5).
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("10.96.0.10", "10.96.0.10"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::0001", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("0:0:0:0:0:ffff:a00:1", "::ffff:10.0.0.1"), ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
        ("fe80::fc:ff:fe00:1", "fe80::fc:ff:fe00:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func `an address is read and written canonically`(_ text: String, _ canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.-4", "+1.2.3.4", " 1.2.3.4", ":", ":::", "1:::2",
        "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::+1", "::1%eth0",
        "1.2.3.4::", "::1.2.3", "::256.1.1.1", "1:", ":1",
    ])
    func `what is no address is refused`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `kinds of addresses are told apart`() {
        #expect(IPAddress("127.3.2.1")?.isLoopback == true && IPAddress("::1")?.isLoopback == true)
        #expect(IPAddress("128.0.0.1")?.isLoopback == false)
        #expect(IPAddress("239.1.1.1")?.isMulticast == true && IPAddress("ff02::1")?.isMulticast == true)
        #expect(IPAddress("169.254.1.1")?.isLinkLocal == true && IPAddress("febf::1")?.isLinkLocal == true)
        #expect(IPAddress("fec0::1")?.isLinkLocal == false)
        #expect(IPAddress("255.255.255.255")?.advanced(by: 1) == nil)
        #expect(IPAddress("10.0.0.255")?.advanced(by: 1)?.description == "10.0.1.0")
    }
}

@Suite struct Ranges {
    @Test func `a range knows its addresses`() throws {
        let range = try #require(IPRange("10.96.0.0/12"))
        #expect(range.description == "10.96.0.0/12" && range.lastOffset == (1 << 20) - 1)
        #expect(range.last.description == "10.111.255.255" && range.address(at: 10)?.description == "10.96.0.10")
        #expect(range.address(at: 1 << 20) == nil)
        #expect(range.contains(range.last) && !range.contains(IPAddress("10.112.0.0")!))
        #expect(range.offset(of: IPAddress("10.96.1.0")!) == 256 && range.offset(of: IPAddress("::1")!) == nil)
        let six = try #require(IPRange("fd00:10:244::/64"))
        #expect(six.last.description == "fd00:10:244:0:ffff:ffff:ffff:ffff")
        #expect(IPRange("::/0")?.lastOffset == .max && IPRange("0.0.0.0/0")?.lastOffset == 0xffff_ffff)
        #expect(IPRange("1.2.3.4/32")?.lastOffset == 0)
    }

    @Test func `ranges overlap where one holds the other`() {
        #expect(IPRange("10.0.0.0/8")!.overlaps(IPRange("10.96.0.0/12")!))
        #expect(IPRange("10.96.0.0/12")!.overlaps(IPRange("10.0.0.0/8")!))
        #expect(!IPRange("10.96.0.0/12")!.overlaps(IPRange("10.244.0.0/16")!))
        #expect(!IPRange("::/0")!.overlaps(IPRange("10.244.0.0/16")!))
    }

    @Test(arguments: [
        "10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "::/129", "a/8", "fd00::1/64",
    ])
    func `what is no network is refused`(_ text: String) {
        #expect(IPRange(text) == nil)
    }
}
