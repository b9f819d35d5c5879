import Foundation
import LinuxKernel

extension Examination {
    /// Whether another firewall on this machine stops what pods send: Docker sets the policy of the forward hook to drop, ufw
    /// that of the input hook, too, and no rule of ours can lift that.
    func forwarding() -> [Finding] {
        let subject = "firewall"
        guard let nft = program("nft") else {
            return [Finding(subject, .ok, "not looked at: nft is not installed")]
        }
        guard let text = output(of: nft, ["list", "chains"]) else {
            return [Finding(subject, .ok, "not looked at: nft answers nothing")]
        }
        let bridge = bridgeName
        let forward = Self.droppingChains(text, hook: "forward")
        let input = Self.droppingChains(text, hook: "input")
        return [
            finding(
                subject + ", forwarding", forward, matches: ["iifname \(bridge)", "oifname \(bridge)"],
                consequence: "pods reach nobody beyond this machine", sound: "drops nothing of what pods send"),
            finding(
                subject + ", input", input, matches: ["iifname \(bridge)"],
                consequence: "pods reach neither the name server (port 53) nor the API (port \(port)) on this machine",
                sound: "lets pods reach the name server and the API"),
        ]
    }

    private func finding(
        _ subject: String, _ dropping: [String], matches: [String], consequence: String, sound: String
    ) -> Finding {
        guard !dropping.isEmpty else { return Finding(subject, .ok, sound) }
        let rules = dropping.flatMap { chain in matches.map { "nft insert rule \(chain) \($0) accept" } }
        return Finding(
            subject, .degraded,
            "the policy of \(dropping.joined(separator: " and ")) is drop: unless its rules let them, \(consequence)",
            remedy: rules.joined(separator: "; "))
    }

    /// `FAMILY TABLE CHAIN` of every base chain of a hook whose policy is drop, in `nft list chains`.
    static func droppingChains(_ text: String, hook: String) -> [String] {
        var found: [String] = []
        var table = ""
        var chain = ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty }
            switch words.first {
            case "table"? where words.count > 2: table = "\(words[1]) \(words[2])"
            case "chain"? where words.count > 1: chain = words[1]
            case "type"?:
                let isDrop = line.contains("policy drop")
                // Bridged packets do not cross the bridge family's chain on their way out.
                if isDrop, line.contains("hook \(hook) "), !table.hasPrefix("bridge ") {
                    found.append("\(table) \(chain)")
                }
            default: break
            }
        }
        return found
    }

    /// The path of a program; nil where it is not installed.
    func program(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return folders.map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile)
    }

    /// What a program prints; nil where it fails.
    private func output(of program: String, _ arguments: [String]) -> String? {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
    }
}
