import Foundation
import NodeHarness

/// A kubectl of one minor version, as `scripts/fetch-clients` has put it below .build.
struct KubectlVersion: Sendable, CustomStringConvertible {
    /// e.g. `1.20`; also the name of its transcripts' folder.
    let minor: String
    let path: String

    var description: String { "kubectl \(minor)" }

    static let oldest = KubectlVersion(minor: "1.20")
    static let newest = KubectlVersion(minor: "1.32")

    /// Nil where this machine has no kubectl of that version.
    private init?(minor: String) {
        // Two versions cannot be installed at once; what this machine has is the second choice.
        let unpacked = "\(Node.repository)/.build/kubectl/\(minor)/kubectl"
        let candidates = [unpacked, Command.find("kubectl.\(minor)"), Command.find("kubectl")].compactMap { $0 }
        guard let path = candidates.first(where: { Self.minor(of: $0) == minor }) else { return nil }
        self.minor = minor
        self.path = path
    }

    /// What a kubectl says of itself, without a server.
    private static func minor(of path: String) -> String? {
        guard FileManager.default.isExecutableFile(atPath: path) else { return nil }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["version", "--client", "--output=json"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let version = (try? JSONSerialization.jsonObject(with: text) as? [String: Any])?["clientVersion"]
        guard let facts = version as? [String: Any], let major = facts["major"] as? String,
            let minor = facts["minor"] as? String
        else { return nil }
        return "\(major).\(minor.prefix { $0.isNumber })"
    }
}
