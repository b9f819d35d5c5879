import Glibc
import LinuxKernel

extension HostCapabilities {
    /// Looks at this host: which controllers cgroup v2 offers, why the others are missing, memory, CPUs, kernel, boot.
    public static func detect() throws -> HostCapabilities {
        let mount = try CgroupMount.find()
        let offered = mount.unified.flatMap { try? FileAccess.readText("\($0)/cgroup.controllers") } ?? ""
        let (controllers, missing) = assess(
            mount: mount, offered: offered, kernelTable: (try? FileAccess.readText("/proc/cgroups")) ?? "")
        var release = utsname()
        _ = uname(&release)
        let kernel = withUnsafePointer(to: &release.release) {
            $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                String(cString: $0)
            }
        }
        return HostCapabilities(
            controllers: controllers, missing: missing,
            memoryBytes: Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE))),
            cpuCount: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), kernelRelease: kernel,
            bootID: try FileAccess.readText("/proc/sys/kernel/random/boot_id"),
            swapBytes: swapTotal((try? FileAccess.readText("/proc/meminfo")) ?? ""),
            // There without being readable where PSI was switched off on the command line (psi=0).
            hasPressure: (try? FileAccess.readText("/proc/pressure/memory")) != nil,
            hugePages: hugePages("/sys/kernel/mm/hugepages"))
    }

    static func swapTotal(_ memoryInformation: String) -> Int64 {
        for line in memoryInformation.split(separator: "\n") where line.hasPrefix("SwapTotal:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 << 10 } ?? 0
        }
        return 0
    }

    /// - Parameter directory: with a folder `hugepages-<kilobytes>kB` for each size (kernel: mm/hugetlbpage).
    static func hugePages(_ directory: String) -> [HugePages] {
        let names = (try? FileAccess.list(directory)) ?? []
        let found = names.compactMap { name -> HugePages? in
            guard name.hasPrefix("hugepages-"), name.hasSuffix("kB"),
                let kilobytes = Int64(name.dropFirst(10).dropLast(2))
            else { return nil }
            let pages = (try? FileAccess.readText("\(directory)/\(name)/nr_hugepages")).flatMap { Int64($0) } ?? 0
            return HugePages(name: fileName(kilobytes: kilobytes), pageBytes: kilobytes << 10, pages: pages)
        }
        return found.sorted { $0.pageBytes < $1.pageBytes }
    }

    /// As mem_fmt() of the kernel's mm/hugetlb_cgroup.c names a size in the cgroup's files.
    private static func fileName(kilobytes: Int64) -> String {
        if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
        return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
    }

    /// What the texts say, apart from where they come from.
    ///
    /// - Parameters:
    ///   - offered: `cgroup.controllers` at the root of the cgroup2 mount.
    ///   - kernelTable: `/proc/cgroups` (columns: name, hierarchy, number of cgroups, enabled).
    static func assess(
        mount: CgroupMount, offered: String, kernelTable: String
    ) -> (controllers: Set<String>, missing: [String: String]) {
        let controllers = Set(offered.split(separator: " ").map(String.init))
        var table: [String: (hierarchy: String, enabled: Bool)] = [:]
        for line in kernelTable.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            if fields.count == 4 { table[fields[0]] = (fields[1], fields[3] == "1") }
        }
        var missing: [String: String] = [:]
        for controller in cgroupControllers where !controllers.contains(controller.name) {
            let (name, legacy) = (controller.name, controller.legacyName)
            if mount.unified == nil {
                missing[name] = """
                    no cgroup2 file system is mounted; mount one with `mount -t cgroup2 none /sys/fs/cgroup`, or boot with \
                    systemd.unified_cgroup_hierarchy=1
                    """
            } else if let place = mount.legacy[legacy] {
                missing[name] = """
                    the \(name) controller is bound to cgroup v1 at \(place); boot with \
                    systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all, or start the node with \
                    --cgroup-enforcement=best-effort
                    """
            } else if let entry = table[legacy], !entry.enabled {
                missing[name] = """
                    the \(name) controller is disabled on the kernel's command line; boot without cgroup_disable=\(legacy) \
                    (on some boards with cgroup_enable=\(legacy))
                    """
            } else if let entry = table[legacy], entry.hierarchy != "0" {
                missing[name] = """
                    the \(name) controller is bound to cgroup v1 hierarchy \(entry.hierarchy), which is mounted in another \
                    namespace; boot with cgroup_no_v1=\(legacy), or start the node with --cgroup-enforcement=best-effort
                    """
            } else {
                missing[name] = """
                    this kernel has no \(name) controller for cgroup v2 here; use one that is built with it, or start the \
                    node with --cgroup-enforcement=best-effort
                    """
            }
        }
        return (controllers.intersection(cgroupControllers.map { $0.name }), missing)
    }
}
