import Foundation
import LinuxKernel

extension Examination {
    /// Whether another firewall on this machine stops what pods send: Docker and ufw set the policy of the forward hook
    /// to drop, and no rule of ours can lift that.
    func forwarding() -> Finding {
        let subject = "forwarding"
        guard let nft = program("nft") else {
            return Finding(subject, .ok, "not looked at: nft is not installed")
        }
        guard let text = output(of: nft, ["list", "chains"]) else {
            return Finding(subject, .ok, "not looked at: nft answers nothing")
        }
        let dropping = Self.droppingChains(text)
        guard !dropping.isEmpty else { return Finding(subject, .ok, "no firewall drops what pods send") }
        let bridge = (try? NodeRecord.read(layout))?.bridge ?? "mkl0"
        let rules = dropping.flatMap { chain in
            ["iifname \(bridge)", "oifname \(bridge)"].map { "nft insert rule \(chain) \($0) accept" }
        }
        return Finding(
            subject, .degraded,
            "the policy of \(dropping.joined(separator: " and ")) is drop: unless its rules let them, pods reach "
                + "nobody beyond this machine",
            remedy: rules.joined(separator: "; "))
    }

    /// `FAMILY TABLE CHAIN` of every base chain of the forward hook whose policy is drop, in `nft list chains`.
    static func droppingChains(_ text: String) -> [String] {
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
                if isDrop, line.contains("hook forward"), !table.hasPrefix("bridge ") {
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
