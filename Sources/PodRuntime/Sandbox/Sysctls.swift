import InternetAddress
import LinuxKernel
import ShimProtocol

/// Kernel parameters of a pod's own namespaces.
enum Sysctls {
    /// What a pod's namespaces start with: any user may listen on any port and send pings, as containerd sets it.
    private static let defaults = [
        "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647",
    ]

    /// What `eth0` begins with, before it is there. Without IPv6 addresses of the node's giving it has none at all, the
    /// link's own neither; with them it believes no router's advertisement (any pod could send one) and follows no
    /// redirect (it would go around the host's routing hooks, and so around services), and has nobody to detect a
    /// duplicate of its address.
    private static func defaults(_ families: [IPAddress.Family]) -> [String: String] {
        guard FileAccess.exists("/proc/sys/net/ipv6/conf/default") else { return defaults }
        let device =
            families.contains(.v6)
            ? ["accept_ra": "0", "accept_redirects": "0", "accept_dad": "0"] : ["disable_ipv6": "1"]
        return device.reduce(into: defaults) { $0["net.ipv6.conf.default.\($1.key)"] = $1.value }
    }

    /// Paths below /proc/sys with values, to be written from inside the namespaces.
    ///
    /// - Parameter families: of the addresses that pods are given.
    /// - Throws: `RuntimeError(.configuration)` for one that is not of a namespace that the pod has of its own: it
    ///   would change the host.
    static func requests(
        _ configuration: SandboxConfiguration, families: [IPAddress.Family]
    ) throws -> [SandboxRequest.Sysctl] {
        var values = configuration.hostNetwork ? [:] : defaults(families)
        for (name, value) in configuration.sysctls {
            // `net.ipv4.conf.eth0/1.forwarding`: a slash stands for a dot within a name.
            let dotted =
                name.contains("/") && !name.contains(".") ? name.split(separator: "/").joined(separator: ".") : name
            try check(dotted, configuration)
            values[dotted] = value
        }
        return values.sorted { $0.key < $1.key }.map { name, value in
            SandboxRequest.Sysctl(path: path(name), value: value)
        }
    }

    private static func path(_ name: String) -> String {
        "/proc/sys/"
            + String(
                name.map { character -> Character in
                    switch character {
                    case ".": "/"
                    case "/": "."
                    default: character
                    }
                })
    }

    private static func check(_ name: String, _ configuration: SandboxConfiguration) throws {
        func refuse(_ why: String) -> RuntimeError {
            RuntimeError(
                .configuration, step: "sysctl", object: name, message: "sysctl \"\(name)\" is not allowed: \(why)")
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0 != ".." && !$0.hasPrefix("/") && !$0.contains("//") }) else {
            throw refuse("malformed name")
        }
        let interprocess =
            ["kernel.shm", "kernel.msg", "fs.mqueue."].contains { name.hasPrefix($0) } || name == "kernel.sem"
        if name.hasPrefix("net.") {
            if configuration.hostNetwork { throw refuse("the pod shares the host's network") }
        } else if interprocess {
            if configuration.hostIPC { throw refuse("the pod shares the host's IPC namespace") }
        } else {
            throw refuse("it is not of a namespace of the pod's own")
        }
    }
}
