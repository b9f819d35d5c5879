import Glibc
import LinuxKernel
import ShimProtocol

/// The host's device nodes, which a privileged container gets.
enum HostDevices {
    private static let skipped: Set<String> = ["pts", "shm", "mqueue", "fd", "hugepages", "console"]

    /// Steps that make the same nodes below the container's /dev.
    static func list() -> [LaunchPlan.Step] {
        var steps: [LaunchPlan.Step] = []
        walk("/dev", depth: 0, into: &steps)
        return steps
    }

    private static func walk(_ directory: String, depth: Int, into steps: inout [LaunchPlan.Step]) {
        guard depth < 4, let names = try? FileAccess.list(directory) else { return }
        for name in names where !skipped.contains(name) && steps.count < 1000 {
            let path = "\(directory)/\(name)"
            guard let facts = try? FileAccess.status(path) else { continue }
            switch facts.st_mode & S_IFMT {
            case S_IFDIR: walk(path, depth: depth + 1, into: &steps)
            case S_IFCHR, S_IFBLK:
                let device = facts.st_rdev
                // Linux's dev_t as gnu_dev_major and gnu_dev_minor take it apart.
                let major = UInt32((device >> 8) & 0xfff | (device >> 32) & ~0xfff)
                let minor = UInt32(truncatingIfNeeded: device & 0xff | (device >> 12) & ~0xff)
                steps.append(.makeDevice(path: path, mode: facts.st_mode, major: major, minor: minor))
            default: break
            }
        }
    }
}
