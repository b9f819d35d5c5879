package import Foundation

/// A node of the tests' own, in folders, cgroup, bridge, address range and port of its own.
package final class Node: Sendable {
    package let root: String
    package let number: Int
    package var bridge: String { "mkle2e\(number)" }
    /// Of the pods. Nodes that run at once have ranges of their own.
    package var podRange: String { "10.\(200 + number % 50).\(number % 250).0/24" }
    /// The second family's, of a node with a network of its own.
    package var podRange6: String { "fd00:10:\(String(number % 65_536, radix: 16))::/64" }
    package var serviceRange6: String { "fd00:96:\(String(number % 65_536, radix: 16))::/112" }
    /// Of services: a /20, its first address is the API's and the tenth the name server's.
    package var serviceRange: String { "10.\(112 + number % 38).\(number / 38 % 16 * 16).0/20" }
    package var cgroupParent: String { "minikube-lite-e2e-\(number)" }
    package var kubeconfig: String { "\(root)/etc/admin.kubeconfig" }

    /// Where the programs are: beside the test bundle.
    package static let programs: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().path
    }()

    /// The repository, for examples/.
    package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// More flags of `up`, at each start.
    private let flags: [String]
    /// Where it runs; nil is this machine's own network.
    private let network: TestNetwork?

    /// - Parameters:
    ///   - network: a node with a network has both families, and can run beside one without.
    package init(flags: [String] = [], network: TestNetwork? = nil) {
        self.flags = flags
        self.network = network
        // The process id tells runs on one machine apart; the bridge's name has room for five digits.
        number = (Int(getpid()) + (network == nil ? 0 : 50_000)) % 100_000
        root = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-e2e-\(number)").path
    }

    // MARK: Commands

    /// Runs our own command line against this node.
    @discardableResult
    package func cli(_ arguments: String..., input: String? = nil, deadline: Duration = .seconds(60)) async throws
        -> CommandResult
    {
        try await run(["\(Self.programs)/minikube-lite"] + arguments, input: input, deadline: deadline)
    }

    /// Runs a program where the node is, as its administrator.
    private func run(_ words: [String], input: String? = nil, deadline: Duration) async throws -> CommandResult {
        try await Command.run(
            "/usr/bin/env", (network?.words(.node) ?? []) + words, environment: ["KUBECONFIG": kubeconfig],
            input: input, deadline: deadline)
    }

    /// Runs the real kubectl against this node.
    @discardableResult
    package func kubectl(_ arguments: String..., input: String? = nil, deadline: Duration = .seconds(60)) async throws
        -> CommandResult
    {
        guard let path = Command.find("kubectl") else { throw Failure("kubectl is not in PATH") }
        // Its discovery cache would outlive this node.
        return try await run(
            [path, "--cache-dir", "\(root)/kubectl-cache"] + arguments, input: input, deadline: deadline)
    }

    /// A value of an object, by kubectl's own path language.
    package func get(_ object: [String], path: String) async throws -> CommandResult {
        guard let kubectl = Command.find("kubectl") else { throw Failure("kubectl is not in PATH") }
        return try await run(
            [kubectl, "--cache-dir", "\(root)/kubectl-cache", "get"] + object + ["-o", "jsonpath=\(path)"],
            deadline: .seconds(60))
    }

    // MARK: Life

    /// Starts the node in the background; it is up when this returns.
    package func up() async throws {
        let second = network == nil ? ["", ""] : [",\(podRange6)", ",\(serviceRange6)"]
        let result = try await run(
            [
                "\(Self.programs)/minikube-lite", "up", "--detach", "--root", root, "--port",
                String(20000 + number % 10000), "--bridge", bridge,
                "--cgroup-parent", cgroupParent, "--pod-cidr", podRange + second[0], "--service-cidr",
                serviceRange + second[1],
                "--node-name", "e2e", "--crash-backoff-max", "2s", "--log-level", "debug",
            ] + flags, deadline: .seconds(180))
        try result.requireSuccess()
    }

    /// The last words of the node's log.
    package var log: String {
        String(((try? String(contentsOfFile: "\(root)/log/agent.log", encoding: .utf8)) ?? "").suffix(4000))
    }

    /// The agent's process id, from the lock that it holds.
    package func agentProcess() throws -> pid_t {
        let text = try String(contentsOfFile: "\(root)/run/agent.lock", encoding: .utf8)
        guard let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure("agent.lock names no process: \(text)")
        }
        return pid
    }

    /// Imports busybox and every version of myapp, from what is on this machine and what the package has built.
    package func importImages() async throws {
        let images = "\(root)/test-images"
        guard let busybox = Command.find("busybox") else { throw Failure("busybox (busybox-static) is not installed") }
        try makeImage(
            "\(images)/busybox", programs: ["bin/busybox": busybox], links: ["bin/sh", "bin/sleep", "bin/cat"])
        try await importImage("busybox:latest", "\(images)/busybox", #"{"cmd": ["sh"], "env": ["PATH=/bin"]}"#)
        for (version, mode) in [("1.4.2", "healthy"), ("1.4.3", "healthy"), ("1.4.4", "unhealthy"), ("1.4.5", "exit")] {
            let folder = "\(images)/myapp-\(version)"
            try makeImage(folder, programs: ["bin/myapp": "\(Self.programs)/myapp"])
            let configuration = """
                {"entrypoint": ["/bin/myapp"], "env": ["PATH=/bin", "MYAPP_VERSION=\(version)", "MYAPP_MODE=\(mode)"]}
                """
            try await importImage("myapp:\(version)", folder, configuration)
            if version == "1.4.2" { try await importImage("myapp:latest", folder, configuration) }
        }
    }

    /// Imports an image of one of the package's own static programs, e.g. `payload` as `payload:latest`.
    package func importProgram(_ name: String) async throws {
        let folder = "\(root)/test-images/\(name)"
        try makeImage(folder, programs: ["bin/\(name)": "\(Self.programs)/\(name)"])
        try await importImage("\(name):latest", folder, #"{"entrypoint": ["/bin/\#(name)"], "env": ["PATH=/bin"]}"#)
    }

    /// Imports images of rootfs/, made from Debian's packages; the programs of the package are beside the test bundle.
    package func importRecipes(_ names: String...) async throws {
        // Packages are downloaded once for all runs of this machine's user.
        let folder = "\(Self.repository)/.build/test-rootfs"
        let made = try await Command.run(
            "/usr/bin/env", ["\(Self.repository)/rootfs/build", folder, "--programs", Self.programs] + names,
            deadline: .seconds(900))
        try made.requireSuccess()
        for line in try String(contentsOfFile: "\(folder)/images", encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2, names.contains(words[1]) else { continue }
            try await cli("image", "import", words[0], "\(folder)/\(words[1])", "--root", root).requireSuccess()
        }
    }

    /// The processes of a pod's containers, by number: what is in its cgroup.
    package func processes(ofPod uid: String) -> [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }.filter { pid in
            let cgroup = (try? String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)) ?? ""
            return cgroup.contains("/\(cgroupParent)/") && cgroup.contains("pod\(uid)")
        }.sorted()
    }

    /// Runs a program of a pod's own root file system inside its namespaces.
    @discardableResult
    package func inside(_ uid: String, _ words: [String], deadline: Duration = .seconds(60)) async throws
        -> CommandResult
    {
        guard let pid = processes(ofPod: uid).first else { throw Failure("no process of pod \(uid) runs") }
        return try await Command.run(
            "/usr/bin/env", ["nsenter", "-t", "\(pid)", "-n", "-m", "-u", "-i", "--"] + words, deadline: deadline)
    }

    private func makeImage(_ folder: String, programs: [String: String], links: [String] = []) throws {
        let files = FileManager.default
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
            try files.createDirectory(atPath: "\(folder)/rootfs/\(name)", withIntermediateDirectories: true)
        }
        for (target, source) in programs { try files.copyItem(atPath: source, toPath: "\(folder)/rootfs/\(target)") }
        for link in links {
            try files.createSymbolicLink(atPath: "\(folder)/rootfs/\(link)", withDestinationPath: "busybox")
        }
    }

    private func importImage(_ name: String, _ folder: String, _ configuration: String) async throws {
        try configuration.write(toFile: "\(folder)/image.json", atomically: true, encoding: .utf8)
        let result = try await cli("image", "import", name, folder, "--root", root)
        try result.requireSuccess()
    }

    /// Ends everything, and answers what is left behind.
    package func remove() async throws -> [String] {
        let result = try await cli("down", "--pods", "--purge", "--root", root, deadline: .seconds(90))
        var left: [String] = result.code == 0 ? [] : ["\(result)"]
        try? FileManager.default.removeItem(atPath: "\(root)/kubectl-cache")
        try? FileManager.default.removeItem(atPath: "\(root)/test-images")
        left += leftovers()
        try? FileManager.default.removeItem(atPath: root)
        return left
    }

    /// Everything on this machine that bears this node's names.
    package func leftovers() -> [String] {
        var left: [String] = []
        let files = FileManager.default
        for folder in ["run", "data", "etc", "log"] where files.fileExists(atPath: "\(root)/\(folder)") {
            left.append("folder \(root)/\(folder)")
        }
        for mount in (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8))?.split(separator: "\n")
            ?? []
        {
            let words = mount.split(separator: " ")
            if words.count > 4, words[4].hasPrefix(root) { left.append("mount \(words[4])") }
            // The tree of the cgroups, wherever cgroup2 is mounted.
            if let type = words.lastIndex(of: "-"), words.count > type + 1, words[type + 1] == "cgroup2" {
                for name in [cgroupParent, cgroupParent + "-system"]
                where files.fileExists(atPath: "\(words[4])/\(name)") {
                    left.append("cgroup \(words[4])/\(name)")
                }
            }
        }
        for device in (try? files.contentsOfDirectory(atPath: "/sys/class/net")) ?? [] where device == bridge {
            left.append("device \(device)")
        }
        for pid in ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap({ pid_t($0) }) {
            // Supervisors and containers are in our cgroups.
            if let cgroup = try? String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8),
                cgroup.contains("/\(cgroupParent)")
            {
                // What is dead and only not yet waited for by init is no process any more.
                let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
                guard !status.isEmpty, !status.contains("State:\tZ") else { continue }
                left.append("process \(pid)")
            }
        }
        return left
    }
}
