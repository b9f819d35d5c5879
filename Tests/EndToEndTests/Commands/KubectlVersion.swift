import Foundation
import NodeHarness

/// A kubectl of one minor version, as `scripts/fetch-clients` has put it below .build.
struct KubectlVersion: Sendable, CustomStringConvertible {
    /// e.g. `1.20`; also the name of its transcripts' folder.
    let minor: String
    let path: String

    var description: String { "kubectl \(minor)" }

    /// The kubectl of a minor version; nil where this machine has none.
    static func find(_ minor: String) async -> KubectlVersion? {
        // Two versions cannot be installed at once; what this machine has is the second choice.
        let unpacked = "\(Node.repository)/.build/kubectl/\(minor)/kubectl"
        for path in [unpacked, Command.find("kubectl.\(minor)"), Command.find("kubectl")].compactMap({ $0 })
        where await Self.minor(of: path) == minor {
            return KubectlVersion(minor: minor, path: path)
        }
        return nil
    }

    /// What a kubectl says of itself, without a server.
    private static func minor(of path: String) async -> String? {
        guard FileManager.default.isExecutableFile(atPath: path),
            let result = try? await Command.run(path, ["version", "--client", "--output=json"])
        else { return nil }
        let text = Data(result.output.utf8)
        let version = (try? JSONSerialization.jsonObject(with: text) as? [String: Any])?["clientVersion"]
        guard let facts = version as? [String: Any], let major = facts["major"] as? String,
            let minor = facts["minor"] as? String
        else { return nil }
        return "\(major).\(minor.prefix { $0.isNumber })"
    }
}
