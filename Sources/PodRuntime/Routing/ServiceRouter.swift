public import InternetAddress
public import Logging

/// The kernel's routing of services, in the nftables table of one node instance.
public final class ServiceRouter: ServiceRouting {
    /// - Parameters:
    ///   - bridge: names the table; the bridge has to be there before the first call.
    ///   - podRanges: say which families the node has.
    ///   - serviceRanges: what is sent to an address in them never leaves the machine.
    public init(bridge: String, podRanges: [IPRange], serviceRanges: [IPRange], logger: Logger) {}

    public func replaceAll(_ routes: [ServiceRoute]) async throws {
        throw RuntimeError(.configuration, step: "routing", object: "services", message: "not there yet")
    }

    public func update(_ changed: [ServiceRoute], removed: [String]) async throws {
        throw RuntimeError(.configuration, step: "routing", object: "services", message: "not there yet")
    }
}
