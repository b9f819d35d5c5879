import Foundation
import LinuxKernel
import PodRuntime

/// What the whole machine has left of what every process needs.
struct MachineUsage: Sendable, Hashable {
    /// The file system of the node's own files, of images, writable layers and volumes.
    var disk: FileSystemUsage?
    /// Tasks (threads count) that there are, and how many there can be.
    var tasks: Int64?
    var maxTasks: Int64?

    /// Reads what the kernel has at hand; the disk is asked on a thread of its own, since it may be stuck.
    static func read(dataDirectory: String, pool: BlockingPool) async -> MachineUsage {
        let disk = try? await pool.run(deadline: .seconds(5)) { try FileSystemUsage.measure(dataDirectory) }
        return MachineUsage(
            disk: disk, tasks: tasks(NodeFacts.text("/proc/loadavg")), maxTasks: maxTasks(NodeFacts.text))
    }

    /// The fourth field of /proc/loadavg: runnable/all.
    static func tasks(_ loadavg: String) -> Int64? {
        let fields = loadavg.split(separator: " ")
        guard fields.count > 3, let slash = fields[3].firstIndex(of: "/") else { return nil }
        return Int64(fields[3][fields[3].index(after: slash)...])
    }

    /// The smaller one of the kernel's two limits (proc(5), `pid_max` and `threads-max`).
    static func maxTasks(_ read: (String) -> String) -> Int64? {
        ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"].compactMap { Int64(read($0)) }.min()
    }
}
