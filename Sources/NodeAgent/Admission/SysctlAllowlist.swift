import KubernetesAPI

/// Which kernel parameters a pod may set (kubelet: `pkg/kubelet/sysctl`): those that are known to harm no other pod, and
/// what the node was told to allow beside them.
public struct SysctlAllowlist: Sendable, Hashable {
    private enum Namespace: String { case ipc, net }

    /// The kubelet's list; every kernel that the node runs on has all of them.
    private static let safe: Set = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    ]

    /// Names, and beginnings of names with a `*` after them.
    private let unsafe: [String]

    public init() { unsafe = [] }

    /// - Parameter unsafe: as in the kubelet's `--allowed-unsafe-sysctls`: names, or beginnings with a `*` after them.
    ///   Nil where one is of no namespace of a pod: it would change the machine.
    public init?(unsafe: [String]) {
        let names = unsafe.map(Self.normalized)
        guard names.allSatisfy({ Self.namespace(of: $0) != nil }) else { return nil }
        self.unsafe = names
    }

    /// Why a pod may not run here, in the kubelet's words; nil where it may.
    func problem(of pod: Pod) -> String? {
        for sysctl in pod.spec.securityContext?.sysctls ?? [] {
            let name = Self.normalized(sysctl.name)
            guard Self.safe.contains(name) || unsafe.contains(where: { Self.matches(name, $0) }) else {
                return "forbidden sysctl: \"\(name)\" not allowlisted"
            }
            let isShared = Self.namespace(of: name) == .net ? pod.spec.hostNetwork : pod.spec.hostIPC
            if isShared, let namespace = Self.namespace(of: name) {
                return "forbidden sysctl: \"\(name)\" not allowed with host \(namespace.rawValue) enabled"
            }
        }
        return nil
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
    }

    private static func namespace(of name: String) -> Namespace? {
        if name.hasPrefix("net.") { return .net }
        let isIPC =
            ["kernel.shm", "kernel.msg", "fs.mqueue."].contains { name.hasPrefix($0) } || name == "kernel.sem"
        return isIPC ? .ipc : nil
    }

    /// `net/ipv4/conf/eth0.1/forwarding` as sysctl.d(5) has it, with dots: the first separator says which it is.
    private static func normalized(_ name: String) -> String {
        guard let first = name.first(where: { $0 == "." || $0 == "/" }), first == "/" else { return name }
        return String(name.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
    }
}
