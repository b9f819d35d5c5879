import Foundation
import LinuxKernel
import PodRuntime

extension Examination {
    /// In the order in which people ask for them.
    private static let controllers = ["cpu", "memory", "pids", "cpuset", "io", "hugetlb"]

    /// Which limits can be enforced here, and what the node can know of its own pressure.
    func limits() -> [Finding] {
        do {
            guard let mount = try CgroupMount.find().unified else {
                return [
                    Finding(
                        "cgroup v2", .broken, "not mounted",
                        remedy: "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1")
                ]
            }
            let host = try HostCapabilities.detect()
            let record = try? NodeRecord.read(layout)
            return [Finding("cgroup v2", .ok, "mounted at \(mount)")]
                + Self.controllers.map { controller($0, host, record) } + missingFiles(record)
                + [pressure(host), swap(host)] + hugePages(host) + enforcement(host, record)
        } catch {
            return [Finding("cgroup v2", .broken, "\(error)")]
        }
    }

    private func controller(_ name: String, _ host: HostCapabilities, _ record: NodeRecord?) -> Finding {
        let subject = "cgroup controller \(name)"
        if host.controllers.contains(name) { return Finding(subject, .ok, "can be enforced") }
        let consequence =
            switch record?.bestEffort {
            case true?: "its limits cannot be enforced: pods run without them, and say so"
            case false?: "its limits cannot be enforced: pods that ask for them are refused"
            case nil: "its limits cannot be enforced"
            }
        return Finding(
            subject, .degraded, consequence,
            remedy: host.missing[name] ?? "start the node with --cgroup-enforcement=best-effort")
    }

    /// Of controllers that are there. Only the node's own cgroup shows which of their files this kernel has.
    private func missingFiles(_ record: NodeRecord?) -> [Finding] {
        guard let record, FileAccess.exists(record.cgroupParent),
            let tree = try? CgroupTree(parent: record.cgroupParent)
        else { return [] }
        return tree.findMissingFiles().sorted { $0.key < $1.key }.map { file, reason in
            Finding("cgroup file \(file)", .ok, "\(reason); a pod that asks for it is told so")
        }
    }

    private func pressure(_ host: HostCapabilities) -> Finding {
        host.hasPressure
            ? Finding("pressure (PSI)", .ok, "the kernel tells at once when memory is short")
            : Finding(
                "pressure (PSI)", .degraded,
                "not told by this kernel: the node looks for pressure in every --housekeeping-interval only",
                remedy: "boot a kernel with CONFIG_PSI and psi=1 on its command line")
    }

    private func swap(_ host: HostCapabilities) -> Finding {
        guard host.swapBytes > 0 else { return Finding("swap", .ok, "none") }
        let size = "\(host.swapBytes >> 20) MiB"
        return Finding("swap", .ok, "\(size); pods get none of it but with --memory-swap-behavior LimitedSwap")
    }

    private func hugePages(_ host: HostCapabilities) -> [Finding] {
        let reserved = host.hugePages.filter { $0.pages > 0 }
        guard !reserved.isEmpty else { return [] }
        let sizes = reserved.map { "\($0.pages) of \($0.name)" }.joined(separator: ", ")
        return [Finding("huge pages", .ok, sizes)]
    }

    private func enforcement(_ host: HostCapabilities, _ record: NodeRecord?) -> [Finding] {
        guard let record else { return [] }
        let mode = record.bestEffort ? "best effort: what cannot be enforced is left out, and said" : "strict"
        return [Finding("enforcement", .ok, mode)] + supervisors(record)
    }

    /// What the pods' supervisors take beside the pods' own limits: it is the system's, and has to fit in what is
    /// reserved for it.
    private func supervisors(_ record: NodeRecord) -> [Finding] {
        guard let tree = try? CgroupTree(parent: record.cgroupParent), let pids = try? tree.processes(tree.system),
            !pids.isEmpty
        else { return [] }
        let kibibytes = pids.compactMap(Self.proportionalSet).reduce(0, +)
        return [
            Finding(
                "supervisors", .ok,
                "\(pids.count), \(kibibytes) KiB together (\(kibibytes / Int64(pids.count)) KiB a pod), "
                    + "out of what --system-reserved keeps")
        ]
    }

    /// Kibibytes of a process, shared pages divided among those that share them (proc_pid_smaps_rollup(5)).
    private static func proportionalSet(_ pid: Int32) -> Int64? {
        let text = try? FileAccess.readText("/proc/\(pid)/smaps_rollup")
        for line in (text ?? "").split(separator: "\n") where line.hasPrefix("Pss:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }
        }
        return nil
    }
}
