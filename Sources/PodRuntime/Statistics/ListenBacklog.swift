import LinuxKernel

/// Connections that have reached a listening TCP socket and were not accepted yet, from /proc/PID/net/tcp and tcp6
/// (Documentation/networking/proc_net_tcp.rst).
enum ListenBacklog {
    /// TCP_LISTEN and TCP_SYN_RECV of include/net/tcp_states.h, as the files write them.
    private static let listening: Substring.UTF8View = Substring("0A").utf8
    private static let synReceived: Substring.UTF8View = Substring("03").utf8

    /// All sockets of the network namespace that a process is in; nil where there is no such process any more.
    static func count(inNamespaceOf pid: Int32) -> Int? {
        var found: Int?
        for file in ["tcp", "tcp6"] {
            guard let text = try? FileAccess.readText("/proc/\(pid)/net/\(file)") else { continue }
            found = (found ?? 0) + count(text, of: nil)
        }
        return found
    }

    /// Sockets of the host's namespace that one of these processes holds.
    static func count(heldBy processes: [Int32]) -> Int {
        let inodes = Set(processes.flatMap(sockets))
        guard !inodes.isEmpty else { return 0 }
        return ["tcp", "tcp6"].reduce(0) { sum, file in
            sum + ((try? FileAccess.readText("/proc/self/net/\(file)")).map { count($0, of: inodes) } ?? 0)
        }
    }

    /// - Parameter inodes: of the sockets that count; nil counts all.
    static func count(_ text: String, of inodes: Set<UInt64>?) -> Int {
        var sum = 0
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).dropFirst() {
            // Number, local and remote address, state, queues, timer, retransmits, uid, timeout, inode.
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
            guard fields.count > 9 else { continue }
            if fields[3].elementsEqual(listening) {
                if let inodes, UInt64(Substring(fields[9])).map(inodes.contains) != true { continue }
                let queues = fields[4].split(separator: UInt8(ascii: ":"))
                sum += queues.count == 2 ? Int(Substring(queues[1]), radix: 16) ?? 0 : 0
            } else if inodes == nil, fields[3].elementsEqual(synReceived) {
                // Whoever has sent the SYN may believe that it is connected. Such a row has no inode.
                sum += 1
            }
        }
        return sum
    }

    /// Inodes of the sockets that a process has open.
    private static func sockets(of pid: Int32) -> [UInt64] {
        let folder = "/proc/\(pid)/fd"
        return ((try? FileAccess.list(folder)) ?? []).compactMap { name in
            guard let target = try? FileAccess.linkTarget("\(folder)/\(name)"), target.hasPrefix("socket:[") else {
                return nil
            }
            return UInt64(target.dropFirst(8).dropLast())
        }
    }
}

extension Sandbox {
    /// See `Runtime.pendingConnections`.
    func pendingConnections() async throws -> Int {
        let processes = containers.values.filter { $0.status.exit == nil && $0.status.pid > 0 }.map(\.status.pid)
        guard phase == .ready, !processes.isEmpty else { return 0 }
        let (cgroups, cgroup, sharesNetwork) = (host.cgroups, record.cgroup, record.configuration.hostNetwork)
        return try await host.removals.run {
            guard sharesNetwork else {
                // All are in the same namespace: the first that is still there tells of it.
                // (Not by a lazy sequence's `first`, which asks twice: a process may end in between.)
                for process in processes {
                    if let count = ListenBacklog.count(inNamespaceOf: process) { return count }
                }
                return 0
            }
            return ListenBacklog.count(heldBy: try cgroups.processes(below: cgroup))
        }
    }
}
