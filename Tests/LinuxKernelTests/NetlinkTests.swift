import Testing

@testable import LinuxKernel

@Suite struct NetlinkMessageTests {
    @Test func attributesArePaddedAndNested() {
        var message = NetlinkMessage(type: 16, flags: NetlinkFlag.create, purpose: "test", header: [1, 2, 3, 4])
        message.attribute(3, "ab")
        message.nested(18) { $0.attribute(1, UInt32(7)) }
        // "ab" and its NUL are three bytes in a field of four; the nest is its header and what is in it.
        #expect(message.payload == [1, 2, 3, 4, 7, 0, 3, 0, 97, 98, 0, 0, 12, 0, 18, 0, 8, 0, 1, 0, 7, 0, 0, 0])
        var bytes: [UInt8] = []
        message.encode(sequence: 5, to: &bytes)
        #expect(bytes.prefix(16) == [40, 0, 0, 0, 16, 0, 1, 4, 5, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func repliesAreTakenApart() throws {
        var message = NetlinkMessage(type: 16, purpose: "test", header: [UInt8](repeating: 0, count: 16))
        message.attribute(3, "eth0")
        message.attribute(1, [2, 0, 0, 0, 0, 1] as [UInt8])
        var bytes: [UInt8] = []
        for sequence in 1...2 { message.encode(sequence: UInt32(sequence), to: &bytes) }
        let replies = NetlinkReply.parse(bytes)
        #expect(replies.map(\.sequence) == [1, 2])
        let link = try #require(RouteMessage.Link(replies[0]))
        #expect(link.name == "eth0" && link.hardwareAddress == [2, 0, 0, 0, 0, 1])
    }

    @Test(arguments: [[], [3], [3, 0, 1, 0], [255, 255, 1, 0, 1], [8, 0, 1, 0, 1, 2]] as [[UInt8]])
    func brokenAttributesEndTheList(bytes: [UInt8]) {
        #expect(NetlinkReply.attributes(bytes).isEmpty)
    }

    @Test func aRefusalSaysWhatWasWanted() throws {
        let socket = try NetlinkSocket(.route)
        let error = #expect(throws: NetlinkError.self) { try socket.request([RouteMessage.getLink("nosuchdevice0")]) }
        #expect(error?.errno == 19)
        #expect(error?.description.hasPrefix("find device nosuchdevice0: no such device") == true)
    }
}
