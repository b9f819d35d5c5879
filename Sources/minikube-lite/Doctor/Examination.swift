import Foundation
import LinuxKernel
import PodRuntime

/// Everything that `doctor` looks at. Nothing of it changes the machine.
struct Examination {
    let layout: NodeLayout
    let port: Int

    func all() -> [Finding] {
        [privileges(), capabilities(), kernel()] + limits() + namespaces()
            + [module("overlay", "overlayfs"), module("bridge", "bridge"), module("veth", "veth")]
            + [module("nf_tables", "nftables")] + forwarding() + network() + [openFiles(), space(), listener()]
            + companions() + [
                kubectl()
            ]
            + instance()
    }

    // MARK: Who, and on what

    private func privileges() -> Finding {
        geteuid() == 0
            ? Finding("privileges", .ok, "running as root")
            : Finding("privileges", .broken, "running as user \(geteuid())", remedy: "run minikube-lite as root")
    }

    /// Numbers of linux/capability.h.
    private static let neededCapabilities: [(number: UInt64, name: String)] = [
        (0, "CAP_CHOWN"), (5, "CAP_KILL"), (6, "CAP_SETGID"), (7, "CAP_SETUID"), (8, "CAP_SETPCAP"),
        (12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN"), (27, "CAP_MKNOD"),
    ]

    private func capabilities() -> Finding {
        guard let status = try? FileAccess.readText("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let mask = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16)
        else { return Finding("capabilities", .degraded, "/proc/self/status cannot be read") }
        let missing = Self.neededCapabilities.filter { mask >> $0.number & 1 == 0 }.map(\.name)
        guard missing.isEmpty else {
            return Finding(
                "capabilities", .broken, "missing \(missing.joined(separator: ", "))",
                remedy: "run as root outside of containers, or in a privileged one")
        }
        let hasResource = mask >> 24 & 1 == 1
        return hasResource
            ? Finding("capabilities", .ok, "all that are needed")
            : Finding(
                "capabilities", .degraded,
                "CAP_SYS_RESOURCE is missing: oom_score_adj below 0 and higher hard limits cannot be set",
                remedy: "nothing has to be done; root outside of a sandbox has it")
    }

    private var release: String {
        ((try? FileAccess.readText("/proc/sys/kernel/osrelease")) ?? "unknown")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func kernel() -> Finding {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        // cgroup.kill came with 5.14; CLONE_INTO_CGROUP, openat2 and the mount API are older.
        guard numbers.count == 2, (numbers[0], numbers[1]) >= (5, 14) else {
            return Finding(
                "kernel", .broken, "Linux \(release)", remedy: "Linux 5.14 or later is needed (Debian 12 has 6.1)")
        }
        return Finding("kernel", .ok, "Linux \(release)")
    }

    // MARK: What pods are made of

    private func namespaces() -> [Finding] {
        let missing = ["net", "uts", "ipc", "pid", "mnt", "cgroup"].filter { !FileAccess.exists("/proc/self/ns/\($0)") }
        guard missing.isEmpty else {
            return [
                Finding(
                    "namespaces", .broken, "the kernel has none of: \(missing.joined(separator: ", "))",
                    remedy: "use a kernel with CONFIG_NAMESPACES and what belongs to it, such as Debian's")
            ]
        }
        return [Finding("namespaces", .ok, "net, uts, ipc, pid, mnt, cgroup")]
    }

    /// A part of the kernel that may be a module: loaded, or to be found when it is needed.
    private func module(_ name: String, _ subject: String) -> Finding {
        if name == "overlay", ((try? FileAccess.readText("/proc/filesystems")) ?? "").contains("\toverlay\n") {
            return Finding(subject, .ok, "in the kernel")
        }
        if FileAccess.exists("/sys/module/\(name)") { return Finding(subject, .ok, "in the kernel") }
        let lists = ["modules.dep", "modules.builtin"].map { "/lib/modules/\(release)/\($0)" }
        let found = lists.filter { ((try? FileAccess.readText($0)) ?? "").contains("/\(name).ko") }
        if !found.isEmpty { return Finding(subject, .ok, "a module of this kernel, loaded when it is needed") }
        if !lists.contains(where: FileAccess.exists) {
            // Kernels without modules tell nowhere what is built into them.
            return Finding(subject, .ok, "not a module; a start of the node tells whether it is built in")
        }
        return Finding(
            subject, .broken, "this kernel (Linux \(release)) has no module \(name)",
            remedy: "boot a kernel that has it, such as Debian's linux-image-amd64")
    }

    private func openFiles() -> Finding {
        let line = ((try? FileAccess.readText("/proc/self/limits")) ?? "").split(separator: "\n")
            .first { $0.hasPrefix("Max open files") }
        let words = (line ?? "").split(separator: " ")
        guard words.count > 4, let hard = Int(words[4]) else { return Finding("open files", .ok, "no limit") }
        return hard >= 4096
            ? Finding("open files", .ok, "up to \(hard)")
            : Finding(
                "open files", .degraded, "at most \(hard); 100 pods need some 2000",
                remedy: "raise it: ulimit -Hn 65536")
    }

    private func space() -> Finding {
        var path = layout.data
        while !FileAccess.exists(path) { path = FileAccess.parent(of: path) }
        guard let facts = try? FileManager.default.attributesOfFileSystem(forPath: path),
            let free = facts[.systemFreeSize] as? NSNumber
        else { return Finding("disk", .degraded, "the free space of \(path) cannot be read") }
        let mebibytes = free.int64Value >> 20
        return mebibytes >= 512
            ? Finding("disk", .ok, "\(mebibytes) MiB free at \(path)")
            : Finding(
                "disk", .degraded, "only \(mebibytes) MiB free at \(path)",
                remedy: "make room, or choose another --root")
    }

    private func listener() -> Finding {
        if AgentLock.holder(layout) != nil { return Finding("node", .ok, "running") }
        let digits = String(port, radix: 16, uppercase: true)
        let wanted = ":" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        let lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap {
            ((try? FileAccess.readText($0)) ?? "").split(separator: "\n").dropFirst()
        }
        // Columns of proc(5): number, local address, remote address, state (0A listens).
        let taken = lines.contains { line in
            let words = line.split(separator: " ")
            return words.count > 3 && words[3] == "0A" && words[1].hasSuffix(wanted)
        }
        return taken
            ? Finding("port \(port)", .broken, "another program listens on it", remedy: "choose another with --port")
            : Finding("port \(port)", .ok, "free")
    }

    // MARK: The instance

    /// Whether what an instance has on this machine agrees with its facts; nothing where there is no instance.
    private func instance() -> [Finding] {
        do {
            guard let record = try NodeRecord.read(layout) else { return [] }
            let checker = InvariantChecker(configuration: record.runtimeConfiguration(layout))
            // What is under way looks wrong for a moment: only what is seen twice is.
            let before = Set(try checker.check())
            guard !before.isEmpty else { return [Finding("instance", .ok, "the machine agrees with its facts")] }
            Thread.sleep(forTimeInterval: 1)
            let violations = try checker.check().filter(before.contains)
            guard !violations.isEmpty else { return [Finding("instance", .ok, "the machine agrees with its facts")] }
            return violations.map {
                Finding(
                    "instance", .degraded, $0.description,
                    remedy: "\"down --pods\" removes what is left over; then start the node again")
            }
        } catch {
            return [Finding("instance", .degraded, "\(error)")]
        }
    }

    // MARK: Programs

    private func companions() -> [Finding] {
        ["pod-shim", "image-unpacker"].map { name in
            do {
                return Finding(name, .ok, try Companion.path(of: name))
            } catch {
                return Finding(
                    name, .broken, "not beside minikube-lite",
                    remedy: "make build, and keep the programs in one folder")
            }
        }
    }

    private func kubectl() -> Finding {
        if let found = program("kubectl") { return Finding("kubectl", .ok, found) }
        return Finding(
            "kubectl", .ok, "not installed; minikube-lite's own verbs do (or apt-get install kubernetes-client)")
    }
}
