import InternetAddress
import LinuxKernel

/// The chains that are there whatever the routes are: where packets are led from.
///
/// ```
///   from outside, from pods     services-guard       (raw)       127.0.0.0/8 is not for pods
///                               services-prerouting  (dstnat)    services, node-ports -> a route's chain
///   from this machine           services-output      (dstnat)    the same
///                               services-unused      (filter)    what is still for the service range is refused
///   between devices             services-forward     (filter)    the same
///   on the way out              services-postrouting (srcnat-10) masquerade: marked, hairpin, 127.0.0.0/8
/// ```
/// Only the first packet of a connection sees the chains of type nat; the rest follows connection tracking.
extension RouteTable {
    /// The bit of the packet's mark that asks for masquerading, between prerouting and postrouting.
    static let masqueradeMark: UInt32 = 0x1000

    func writeBase(in batch: inout RouteBatch) {
        batch.addTable()
        for set in [Self.services, Self.nodePorts, Self.hairpins] { batch.add(set) }
        batch.addChain(RouteNames.refuse)
        batch.add(
            [.load(.transport, to: .word(0)), .compare(.word(0), equal: true, [6]), .rejectWithReset],
            to: RouteNames.refuse)
        batch.add([.rejectPort], to: RouteNames.refuse)
        if family == .v4 { writeGuard(in: &batch) }
        writeDestinations(in: &batch)
        writeSources(in: &batch)
        writeRefusals(in: &batch)
    }

    /// `route_localnet` of the bridge lets 127.0.0.1 lead to pods; without this it would let pods reach what listens on
    /// 127.0.0.1 too (CVE-2020-8558), or come as from there. Answers carry the bridge's address here: connection tracking
    /// is later.
    private func writeGuard(in batch: inout RouteBatch) {
        let name = "services-guard"
        batch.addChain(name, hook: TablesHook(.filter, .prerouting, priority: -300))
        for end in [TablesExpression.End.source, .destination] {
            batch.add(
                matchInput(equal: true) + TablesExpression.match(end, in: Self.loopback) + [.verdict(.drop)], to: name)
        }
    }

    private static let loopback = IPRange(IPAddress(.v4, 0x7f00_0000), prefixLength: 8)

    private func writeDestinations(in batch: inout RouteBatch) {
        let prerouting = "services-prerouting"
        let output = "services-output"
        batch.addChain(prerouting, hook: TablesHook(.nat, .prerouting, priority: -100))
        batch.addChain(output, hook: TablesHook(.nat, .output, priority: -100))
        // Who has a route to the service range from outside need not have one to the backends' networks.
        for range in serviceRanges {
            batch.add(
                matchInput(equal: false) + TablesExpression.match(.destination, in: range) + RouteBatch.mark,
                to: prerouting)
        }
        let words = Int(family.bits) / 32
        for chain in [prerouting, output] {
            batch.add(
                [
                    .load(.destinationAddress, to: .word(0)), .load(.transport, to: .word(words)),
                    .load(.destinationPort, to: .word(words + 1)), .verdictLookup(.word(0), in: Self.services),
                ], to: chain)
            batch.add(
                [
                    .load(.destinationType, to: .word(0)),
                    .compare(.word(0), equal: true, TablesElement.number(TablesExpression.routeIsLocal)),
                    .load(.transport, to: .word(0)), .load(.destinationPort, to: .word(1)),
                    .verdictLookup(.word(0), in: Self.nodePorts),
                ], to: chain)
        }
    }

    private func writeSources(in batch: inout RouteBatch) {
        let name = "services-postrouting"
        batch.addChain(name, hook: TablesHook(.nat, .postrouting, priority: 90))
        let bit = TablesElement.number(Self.masqueradeMark)
        batch.add(
            [
                .load(.mark, to: .word(0)), .bitwise(.word(0), mask: bit, flip: [0, 0, 0, 0]),
                .compare(.word(0), equal: true, bit), .load(.mark, to: .word(0)),
                .bitwise(.word(0), mask: TablesElement.number(~Self.masqueradeMark), flip: [0, 0, 0, 0]),
                .setMark(from: .word(0)), .masquerade(randomPort: true),
            ], to: name)
        // A pod that reaches itself through a service would get packets from its own address.
        let toPods: [TablesExpression] = [
            .load(.outputDevice, to: .word(0)), .compare(.word(0), equal: true, TablesExpression.device(bridge)),
        ]
        batch.add(
            toPods + [
                .load(.sourceAddress, to: .word(0)), .load(.destinationAddress, to: .word(Int(family.bits) / 32)),
                .lookup(.word(0), in: Self.hairpins, to: nil), .masquerade(randomPort: true),
            ], to: name)
        if family == .v4 {
            batch.add(
                toPods + TablesExpression.match(.source, in: Self.loopback) + [.masquerade(randomPort: true)], to: name)
        }
    }

    /// After translation: what is for the service range still is for no port of a service.
    private func writeRefusals(in batch: inout RouteBatch) {
        let forward = "services-forward"
        let unused = "services-unused"
        batch.addChain(forward, hook: TablesHook(.filter, .forward, priority: 0))
        batch.addChain(unused, hook: TablesHook(.filter, .output, priority: 0))
        // Addresses are not translated back in packets that connection tracking cannot place: a client would get them from
        // the backend itself, and reset its connection.
        batch.add(
            matchInput(equal: true) + [
                .load(.connectionState, to: .word(0)),
                .bitwise(
                    .word(0), mask: TablesElement.number(TablesExpression.connectionIsInvalid), flip: [0, 0, 0, 0]),
                .compare(.word(0), equal: false, [0, 0, 0, 0]), .verdict(.drop),
            ], to: forward)
        for chain in [forward, unused] {
            for range in serviceRanges {
                batch.add(
                    TablesExpression.match(.destination, in: range) + [.verdict(.goto(RouteNames.refuse))], to: chain)
            }
        }
    }

    private func matchInput(equal: Bool) -> [TablesExpression] {
        [.load(.inputDevice, to: .word(0)), .compare(.word(0), equal: equal, TablesExpression.device(bridge))]
    }
}
