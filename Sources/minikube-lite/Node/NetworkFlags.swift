import ArgumentParser
import InternetAddress
import LinuxKernel
import NodeAgent

/// The options of a node that say which addresses, ports and names its pods and services have. Names and defaults are
/// those of the kubelet and of the API server.
struct NetworkFlags: ParsableArguments {
    @Option(
        help: "Range of the pods, e.g. 10.244.0.0/24; a second one of the other family after a comma: dual stack.")
    var podCidr = "10.244.0.0/24"

    @Option(help: "Range of services' cluster addresses; with two ranges of pods there may be two.")
    var serviceCidr = "10.96.0.0/12"

    @Option(help: "Ports that services of type NodePort get.")
    var serviceNodePortRange = "30000-32767"

    @Option(help: "The resolv.conf(5) that names outside of the cluster are looked up by.")
    var resolvConf = "/etc/resolv.conf"

    @Option(help: "The domain of services' names.")
    var clusterDomain = "cluster.local"

    @Option(help: "Kernel parameters beside the safe ones that pods may set, e.g. kernel.msg*,net.core.somaxconn.")
    var allowedUnsafeSysctls = ""

    /// `podCidr` as ranges.
    var podRanges: [IPRange] { Self.ranges(podCidr) ?? [] }
    /// `serviceCidr` as ranges, of the pods' families and in their order.
    var serviceRanges: [IPRange] { Self.ranges(serviceCidr) ?? [] }
    var sysctls: SysctlAllowlist? {
        SysctlAllowlist(unsafe: allowedUnsafeSysctls.split(separator: ",").map(String.init))
    }
    /// `serviceNodePortRange` as numbers.
    var nodePorts: ClosedRange<Int> { Self.ports(serviceNodePortRange) ?? 30000...32767 }

    mutating func validate() throws {
        let pods = try ranges(podCidr, flag: "--pod-cidr", lengths: (8...29, 48...123), example: "10.244.0.0/24")
        // The API server's bounds: at most 2^20 addresses. The tenth is the name server's.
        let services = try ranges(
            serviceCidr, flag: "--service-cidr", lengths: (12...28, 108...124), example: "10.96.0.0/12")
        guard services.map(\.family) == Array(pods.map(\.family).prefix(services.count)) else {
            throw ValidationError(
                "--service-cidr \"\(serviceCidr)\" has to be of the families of --pod-cidr \"\(podCidr)\", in their order."
            )
        }
        for (pod, service) in zip(pods, services) where pod.overlaps(service) {
            throw ValidationError("--pod-cidr \(pod) and --service-cidr \(service) overlap; choose another of either.")
        }
        guard let ports = Self.ports(serviceNodePortRange) else {
            throw ValidationError(
                "--service-node-port-range \"\(serviceNodePortRange)\" is not a range of ports such as 30000-32767.")
        }
        guard ports.lowerBound >= 1024 else {
            throw ValidationError(
                "--service-node-port-range has to begin at 1024 or above: lower ports are the host's.")
        }
        guard sysctls != nil else {
            throw ValidationError(
                "--allowed-unsafe-sysctls \"\(allowedUnsafeSysctls)\" has to be names of kernel.shm*, kernel.msg*, "
                    + "kernel.sem, fs.mqueue.* and net.*: others are of the whole machine.")
        }
        guard resolvConf.isEmpty || FileAccess.exists(resolvConf) else {
            throw ValidationError("--resolv-conf \(resolvConf) is not there.")
        }
        guard NodeOptions.isNodeName(clusterDomain), clusterDomain.utf8.count <= 190 else {
            throw ValidationError(
                "--cluster-domain \"\(clusterDomain)\" has to be a DNS name of at most 190 bytes: lower case letters, "
                    + "digits, '-' and '.'.")
        }
    }

    private func ranges(
        _ text: String, flag: String, lengths: (v4: ClosedRange<UInt8>, v6: ClosedRange<UInt8>), example: String
    ) throws -> [IPRange] {
        guard let ranges = Self.ranges(text) else {
            throw ValidationError(
                "\(flag) \"\(text)\" is not a network such as \(example), nor two with a comma between them.")
        }
        for range in ranges {
            let allowed = range.family == .v4 ? lengths.v4 : lengths.v6
            guard allowed.contains(range.prefixLength) else {
                throw ValidationError(
                    "\(flag) \(range): the prefix has to be /\(allowed.lowerBound) to /\(allowed.upperBound).")
            }
            guard !range.overlapsReserved else {
                throw ValidationError("\(flag) \(range) is of loopback, link-local or multicast addresses.")
            }
        }
        guard Set(ranges.map(\.family)).count == ranges.count else {
            throw ValidationError("\(flag) \"\(text)\": two ranges have to be one of IPv4 and one of IPv6.")
        }
        return ranges
    }

    /// One or two networks, separated by a comma; nil where a part is none.
    private static func ranges(_ text: String) -> [IPRange]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let ranges = parts.compactMap { IPRange(String($0)) }
        return ranges.count == parts.count && (1...2).contains(parts.count) ? ranges : nil
    }

    /// `FIRST-LAST`, 1 to 65535.
    private static func ports(_ text: String) -> ClosedRange<Int>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = Int(parts[0]), let last = Int(parts[1]), first >= 1, last <= 65535,
            first <= last
        else { return nil }
        return first...last
    }

    /// These options as words, for a process that is started with them.
    var words: [String] {
        [
            "--pod-cidr", podCidr, "--service-cidr", serviceCidr, "--service-node-port-range", serviceNodePortRange,
            "--resolv-conf", resolvConf, "--cluster-domain", clusterDomain,
        ] + (allowedUnsafeSysctls.isEmpty ? [] : ["--allowed-unsafe-sysctls", allowedUnsafeSysctls])
    }
}

extension IPRange {
    /// Some of its addresses never leave a machine or a link.
    fileprivate var overlapsReserved: Bool {
        ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::1/128", "fe80::/10", "ff00::/8"]
            .compactMap { IPRange($0) }.contains(where: overlaps)
    }
}
