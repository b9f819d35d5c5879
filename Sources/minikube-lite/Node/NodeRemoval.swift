import Foundation
import LinuxKernel
import PodRuntime

/// Takes away all that an instance has on this machine, in the order in which things depend on each other.
struct NodeRemoval {
    let layout: NodeLayout
    /// Durable state, too.
    let purge: Bool

    func run() async throws {
        if let record = try NodeRecord.read(layout) {
            try CgroupTree(parent: record.cgroupParent).removeAll()
            try await PodNetwork(
                bridge: record.bridge, ranges: record.podCIDRs, stateDirectory: "\(layout.run)/network"
            ).tearDown()
        }
        try unmountAll(below: [layout.run, layout.data])
        try FileAccess.removeTree(layout.run)
        // Containers' writable layers; images and objects stay.
        try FileAccess.removeTree("\(layout.data)/sandboxes")
        if purge {
            for path in [layout.data, layout.etc] { try FileAccess.removeTree(path) }
            // The system's folder of pod logs is a kubelet's, too, where there is one.
            if layout.root == nil, FileAccess.exists("/var/lib/kubelet") {
                Console.error("warning: \(layout.logs) stays: a kubelet on this machine may have its logs there")
            } else {
                try FileAccess.removeTree(layout.logs)
            }
            if FileAccess.exists(layout.agentLog) { try FileAccess.remove(layout.agentLog) }
            if layout.root == nil { try? FileAccess.removeDirectory(FileAccess.parent(of: layout.agentLog)) }
            if let root = layout.root {
                // Only what is empty now: the folder may have been there before, with other things in it.
                for path in ["\(root)/log", root] { try? FileAccess.removeDirectory(path) }
            }
        }
    }

    /// Volumes in memory, and whatever a crash has left: the innermost first.
    private func unmountAll(below folders: [String]) throws {
        let points = try FileAccess.readText("/proc/self/mountinfo").split(separator: "\n").compactMap {
            line -> String? in
            let fields = line.split(separator: " ")
            return fields.count > 4 ? Self.unescape(String(fields[4])) : nil
        }
        for point in points.reversed() where folders.contains(where: { point.hasPrefix($0 + "/") }) {
            try Mount.unmount(point)
        }
    }

    /// mountinfo writes a space as `\040` (proc(5)).
    private static func unescape(_ field: String) -> String {
        [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
            .reduce(field) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }
}
