import InternetAddress
import LinuxKernel

/// What connection tracking knows of pods that are gone.
///
/// It leads a connection's packets to where the first one was led, also where that pod is gone: a SYN that was on its way
/// when the pod ended would be sent again and again to nobody, and so would one from a port that a client uses again while
/// an earlier connection from it has not ended in connection tracking's eyes. Once it has forgotten them, the next packet
/// follows the rules that are in force then: a SYN is led to a pod that is there, anything else is reset.
///
/// The kernel walks its whole table for each question, so what goes within a moment is asked for together, well before a
/// client's second try after a second.
extension PodNetwork {
    private static let moment: Int64 = 200_000_000
    /// One question for each address up to here; above it one for everything.
    private static let addressesAskedFor = 4

    /// A pod's device is gone.
    static func vanish(_ number: AddressPool.Number, _ state: inout State) {
        state.leaving[number] = nil
        state.vanished.insert(number)
        if state.vanishedDue == nil { state.vanishedDue = Monotonic.nanoseconds() + moment }
    }

    /// Frees the addresses of pods whose devices are gone, if it is time. For the monitor's thread.
    func freeVanished() {
        let (numbers, addresses) = state.withLock { state -> ([AddressPool.Number], Set<IPAddress>) in
            guard let due = state.vanishedDue, due <= Monotonic.nanoseconds() else { return ([], []) }
            return (Array(state.vanished), Set(state.vanished.flatMap(state.addresses.addresses)))
        }
        guard !numbers.isEmpty else { return }
        // A failure leaves flows to their timeouts, as without us: no reason to keep addresses.
        try? Self.forgetFlows(to: addresses)
        state.withLock { state in
            for number in numbers {
                // A record that could not be removed holds its address until the agent's next start.
                try? state.addresses.free(number)
                state.vanished.remove(number)
            }
            state.vanishedDue = state.vanished.isEmpty ? nil : Monotonic.nanoseconds() + Self.moment
        }
    }

    /// Ends what is tracked to these addresses and not over.
    static func forgetFlows(to addresses: Set<IPAddress>) throws(NetlinkError) {
        let socket = try NetlinkSocket(.netfilter)
        // An IPv6 address is no help to the kernel: one question for all of them.
        let four = addresses.filter { $0.family == .v4 }.map { ConnectionFlow.Query(family: .v4, answerer: $0) }
        let six = addresses.contains { $0.family == .v6 } ? [ConnectionFlow.Query(family: .v6)] : []
        let queries: [ConnectionFlow.Query?] = four.count > addressesAskedFor ? [nil] : four + six
        for query in queries {
            var flows: [ConnectionFlow] = []
            try socket.dump(ConnectionFlow.list(query)) { reply in
                if let flow = ConnectionFlow(reply), !flow.isOver, addresses.contains(flow.answerer) {
                    flows.append(flow)
                }
            }
            for flow in flows { _ = try socket.end(flow) }
        }
    }
}
