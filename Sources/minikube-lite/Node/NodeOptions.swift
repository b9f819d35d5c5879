import ArgumentParser
import Foundation
import PodRuntime

/// What may be different between two instances of the node on one machine.
struct NodeOptions: ParsableArguments {
    enum Enforcement: String, ExpressibleByArgument, CaseIterable {
        case strict
        case bestEffort = "best-effort"
    }

    @Option(help: "Folder for everything of this instance. Default: the system's folders (/run, /var/lib, /etc).")
    var root: String?

    @Option(help: "The cgroup below which pods run: a path, or a name below the cgroup2 mount.")
    var cgroupParent: String?

    @Option(help: "Name of the pods' bridge, at most 15 bytes.")
    var bridge: String?

    @Option(help: "Address that the API listens on.")
    var listen = "127.0.0.1"

    @Option(help: "Port that the API listens on.")
    var port = 6443

    @Option(help: "Name of the node. Default: the host's name.")
    var nodeName: String?

    @Option(help: "strict refuses pods whose limits this host cannot enforce; best-effort runs them and says so.")
    var cgroupEnforcement: Enforcement = .strict

    @Option(help: "The longest wait between two starts of a crashing container, e.g. 5m.")
    var crashBackoffMax = "5m"

    @OptionGroup(title: "Network") var network: NetworkFlags

    @OptionGroup(title: "Limits") var limits: LimitFlags

    @OptionGroup(title: "Reservations and eviction") var pressure: PressureFlags

    @Option(help: "trace, debug, info, notice, warning or error.")
    var logLevel = "info"

    mutating func validate() throws {
        guard (1...65535).contains(port) else { throw ValidationError("--port has to be between 1 and 65535.") }
        guard let backoff = DurationText.seconds(crashBackoffMax), backoff > 0 else {
            throw ValidationError("--crash-backoff-max \"\(crashBackoffMax)\" is not a duration such as 30s or 5m.")
        }
        if let nodeName, !Self.isNodeName(nodeName) {
            throw ValidationError(
                "--node-name \"\(nodeName)\" has to be a DNS name: lower case letters, digits, '-' and '.'.")
        }
    }

    var layout: NodeLayout { NodeLayout(root: root) }

    /// Distinguishes what instances with a root of their own put outside of it; empty for the system's instance.
    private var suffix: String {
        guard let root = layout.root else { return "" }
        // FNV-1a.
        let hash = root.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return "-" + String(hash, radix: 16)
    }

    var bridgeName: String { bridge ?? "mkl\(suffix.isEmpty ? "0" : suffix)" }

    /// The absolute path of the cgroup. Throws where no cgroup2 file system is mounted.
    func cgroupPath() throws -> String {
        let name = cgroupParent ?? "minikube-lite\(suffix)"
        if name.hasPrefix("/") { return name }
        guard let mount = try CgroupMount.find().unified else {
            throw CommandFailure(
                "error: no cgroup2 file system is mounted; mount one with \"mount -t cgroup2 none /sys/fs/cgroup\"")
        }
        return "\(mount)/\(name)"
    }

    /// --node-name, or the host's name made to fit.
    var effectiveNodeName: String {
        if let nodeName { return nodeName }
        let host = ProcessInfo.processInfo.hostName.lowercased().split(separator: ".").first.map(String.init) ?? ""
        let fitting = host.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        let trimmed = String(fitting).trimmingCharacters(in: CharacterSet(charactersIn: "-"))
        return trimmed.isEmpty ? "minikube-lite" : trimmed
    }

    static func isNodeName(_ name: String) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        return !name.isEmpty && name.utf8.count <= 253
            && labels.allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63 && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
            }
    }

    /// These options as words, for a process that is started with them.
    var words: [String] {
        var words = [
            "--bridge", bridgeName, "--listen", listen, "--port", String(port), "--node-name",
            effectiveNodeName, "--cgroup-enforcement", cgroupEnforcement.rawValue, "--crash-backoff-max",
            crashBackoffMax, "--log-level", logLevel,
        ]
        words += network.words + limits.words + pressure.words
        if let root = layout.root { words += ["--root", root] }
        if let cgroupParent { words += ["--cgroup-parent", cgroupParent] }
        return words
    }

    /// What a client on this machine reaches the API by.
    var server: String {
        let host = listen == "0.0.0.0" || listen == "::" ? "127.0.0.1" : listen
        return "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
