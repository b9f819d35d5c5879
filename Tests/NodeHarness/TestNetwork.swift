import Foundation

/// Two network namespaces of a test's own with a link between them: one that a node runs in, and one outside of it.
///
///     client 192.0.2.2, 192.0.2.3, 2001:db8::2  ── link0 ─────  link0  192.0.2.1, 2001:db8::1 node
///
/// The addresses are those of documentation (RFC 5737, RFC 3849): nothing outside of the two namespaces has them. The
/// node's default route leads to the client, which so is "the outside" for pods.
package final class TestNetwork: Sendable {
    package enum Place: String, Sendable {
        case node, client
    }

    package static let nodeAddress = "192.0.2.1"
    package static let clientAddress = "192.0.2.2"
    package static let otherClientAddress = "192.0.2.3"
    package static let nodeAddress6 = "2001:db8::1"
    package static let clientAddress6 = "2001:db8::2"
    /// Of the link: less than a bridge has by itself, so that it shows whether pods follow.
    package static let mtu = 1420

    private let name: String

    /// - Parameter name: unique on this machine.
    package init(name: String) { self.name = name }

    package func namespace(_ place: Place) -> String { "\(name)-\(place.rawValue)" }

    package func make() async throws {
        for place in [Place.node, .client] { try await ip("netns", "add", namespace(place)) }
        try await ip(
            "link", "add", "link0", "mtu", "\(Self.mtu)", "netns", namespace(.node), "type", "veth", "peer", "name",
            "link0", "mtu", "\(Self.mtu)", "netns", namespace(.client))
        for (place, addresses) in [
            (Place.node, ["\(Self.nodeAddress)/24", "\(Self.nodeAddress6)/64"]),
            (.client, ["\(Self.clientAddress)/24", "\(Self.otherClientAddress)/24", "\(Self.clientAddress6)/64"]),
        ] {
            try await ip("-n", namespace(place), "link", "set", "lo", "up")
            for address in addresses {
                // Without duplicate address detection they can be used at once.
                let flags = address.contains(":") ? ["nodad"] : []
                try await ip(["-n", namespace(place), "address", "add", address, "dev", "link0"] + flags)
            }
            try await ip("-n", namespace(place), "link", "set", "link0", "up")
        }
        try await ip("-n", namespace(.node), "route", "add", "default", "via", Self.clientAddress)
        try await ip("-n", namespace(.node), "-6", "route", "add", "default", "via", Self.clientAddress6)
    }

    package func remove() async throws {
        for place in [Place.node, .client] { try await ip("netns", "delete", namespace(place)) }
    }

    /// The words that run a program in a namespace. (`ip netns exec` would hide the cgroups by a /sys of its own.)
    package func words(_ place: Place) -> [String] { ["nsenter", "--net=/run/netns/\(namespace(place))", "--"] }

    /// Runs a program to its end.
    @discardableResult
    package func run(
        _ place: Place, _ words: String..., input: String? = nil, deadline: Duration = .seconds(60)
    ) async throws -> CommandResult {
        try await Command.run(
            "/usr/bin/env", self.words(place) + words, input: input, deadline: deadline)
    }

    private func ip(_ words: String...) async throws { try await ip(words) }

    private func ip(_ words: [String]) async throws {
        try await Command.run("/usr/bin/env", ["ip"] + words).requireSuccess()
    }
}
