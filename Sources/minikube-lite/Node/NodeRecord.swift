import Foundation
import InternetAddress
import LinuxKernel
import PodRuntime

/// What an instance of the node was started with: `down` and `status` have to find it again.
struct NodeRecord: Codable, Hashable {
    var cgroupParent: String
    var bridge: String
    var podCIDRs: [IPRange]
    var serviceRanges: [IPRange]
    var nodeName: String
    /// `https://127.0.0.1:6443`.
    var server: String
    var bestEffort: Bool
    /// The agent's own version.
    var version: String
    /// Seconds since 1970.
    var startedAt: Int64

    func write(_ layout: NodeLayout) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try FileAccess.replace(layout.record, with: Array(try encoder.encode(self)) + [0x0A])
    }

    /// What the runtime's tools need to find this instance; programs are not among it.
    func runtimeConfiguration(_ layout: NodeLayout) -> RuntimeConfiguration {
        RuntimeConfiguration(
            runDirectory: layout.run, dataDirectory: layout.data, cgroupParent: cgroupParent, bridge: bridge,
            podCIDRs: podCIDRs, serviceRanges: serviceRanges, bestEffort: bestEffort, shimExecutable: "",
            unpackerExecutable: "")
    }

    /// Nil where there is none; throws where one cannot be read.
    static func read(_ layout: NodeLayout) throws -> NodeRecord? {
        guard FileAccess.exists(layout.record) else { return nil }
        do {
            return try JSONDecoder().decode(
                NodeRecord.self, from: Data(try FileAccess.read(layout.record, limit: 1 << 20)))
        } catch {
            throw CommandFailure("error: \(layout.record) cannot be read: \(error)")
        }
    }
}
