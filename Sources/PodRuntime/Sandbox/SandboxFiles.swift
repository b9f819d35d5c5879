import LinuxKernel

/// The files of /etc that a pod's containers share.
enum SandboxFiles {
    /// /etc/hosts as the kubelet writes it: the usual names, the pod's own line, the aliases.
    static func hosts(addresses: [String], configuration: SandboxConfiguration) -> String {
        var text = """
            # Kubernetes-managed hosts file.
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            fe00::0\tip6-localnet
            fe00::0\tip6-mcastprefix
            fe00::1\tip6-allnodes
            fe00::2\tip6-allrouters

            """
        let names = [configuration.fqdn, configuration.shortName ?? configuration.hostname].compactMap { $0 }
            .filter { !$0.isEmpty }
        for address in addresses { text += "\(address)\t\(names.joined(separator: "\t"))\n" }
        return text + aliases(configuration)
    }

    private static func aliases(_ configuration: SandboxConfiguration) -> String {
        if configuration.hostAliases.isEmpty { return "" }
        return configuration.hostAliases.reduce("\n# Entries added by HostAliases.\n") { text, alias in
            text + "\(alias.ip)\t\(alias.hostnames.joined(separator: "\t"))\n"
        }
    }

    /// The host's file where the pod shares its network, and the aliases after it.
    static func hostsOfHost(_ configuration: SandboxConfiguration) -> String {
        let text = (try? FileAccess.readText("/etc/hosts")).map { $0 + "\n" } ?? "127.0.0.1\tlocalhost\n"
        return "# Kubernetes-managed hosts file (host network).\n" + text + aliases(configuration)
    }
}
