import Foundation
import InternetAddress
import KubernetesAPI
import LinuxKernel
import NIOCore
import PodRuntime

/// What a node has and is, read once when the agent starts.
struct NodeFacts: Sendable {
    /// One per family of the pods' ranges that the machine has, in their order; never empty.
    var addresses: [String]
    var hostname: String
    var machineID: String
    var osImage: String
    var architecture: String
    var capacity: [String: Quantity]
    /// What of it is for pods.
    var division: NodeAllocatable
    /// Why limits are not enforced here; nil where all are.
    var unenforced: String?
    var labels: [String: String]

    /// As in `status.allocatable`.
    var allocatable: [String: Quantity] { division.allocatable }

    init(configuration: NodeConfiguration, capabilities: HostCapabilities) {
        addresses = Self.addresses(configuration)
        hostname = ProcessInfo.processInfo.hostName
        machineID = Self.text("/etc/machine-id")
        osImage = Self.osImage(Self.text("/etc/os-release"))
        #if arch(arm64)
            architecture = "arm64"
        #else
            architecture = "amd64"
        #endif
        capacity = Self.capacity(configuration, capabilities)
        division = Self.division(configuration, capacity)
        unenforced = Self.unenforced(capabilities, bestEffort: configuration.bestEffortLimits)
        labels = [
            "kubernetes.io/hostname": configuration.nodeName, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture, "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": architecture, "node-role.kubernetes.io/control-plane": "",
        ].merging(configuration.labels) { $1 }
    }

    /// What the machine has, as in `status.capacity`.
    static func capacity(_ configuration: NodeConfiguration, _ capabilities: HostCapabilities) -> [String: Quantity] {
        var capacity: [String: Quantity] = [
            "cpu": Quantity(milliValue: Int64(capabilities.cpuCount) * 1000),
            "memory": Quantity("\(capabilities.memoryBytes / 1024)Ki"),
            "pods": Quantity(Int64(configuration.maxPods)),
        ]
        for size in capabilities.hugePages {
            guard let name = HugePageSize(kernelName: size.name)?.resource else { continue }
            capacity[name] = Quantity(size.pages * size.pageBytes, format: .binary)
        }
        if let disk = try? FileSystemUsage.measure(configuration.dataDirectory) {
            capacity["ephemeral-storage"] = Quantity("\(disk.capacityBytes / 1024)Ki")
        }
        return capacity
    }

    private static func division(_ configuration: NodeConfiguration, _ capacity: [String: Quantity]) -> NodeAllocatable
    {
        NodeAllocatable(capacity: capacity, pids: MachineUsage.maxTasks(text), options: configuration.pressure)
    }

    /// Reservations that exceed what the machine has, in words; empty where all is well.
    static func reservationProblems(_ configuration: NodeConfiguration, _ capabilities: HostCapabilities) -> [String] {
        division(configuration, capacity(configuration, capabilities)).problems
    }

    /// That all controllers are here, and which of their files this kernel lacks.
    static func enforced(_ capabilities: HostCapabilities) -> String {
        let lacking = capabilities.missingFiles.sorted { $0.key < $1.key }.map(\.value)
        return "every controller of cgroup v2 that limits need is available"
            + (lacking.isEmpty ? "" : "; " + lacking.joined(separator: "; "))
    }

    /// Which limits this host does not enforce and why, and what that means for pods; nil where it enforces all.
    static func unenforced(_ capabilities: HostCapabilities, bestEffort: Bool) -> String? {
        guard !capabilities.missing.isEmpty else { return nil }
        let names = capabilities.missing.keys.sorted().joined(separator: ", ")
        let reasons = capabilities.missing.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        let consequence = bestEffort ? "such limits are not enforced" : "pods with such limits are refused"
        return "cgroup v2 controllers missing: \(names); \(consequence). \(reasons.joined(separator: "; "))"
    }

    static func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }

    /// `PRETTY_NAME` of os-release(5).
    static func osImage(_ release: String) -> String {
        for line in release.split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
            return line.dropFirst("PRETTY_NAME=".count).trimmingCharacters(in: CharacterSet(charactersIn: "\"'"))
        }
        return "Linux"
    }

    private static func addresses(_ configuration: NodeConfiguration) -> [String] {
        guard configuration.nodeAddresses.isEmpty else { return configuration.nodeAddresses.map(\.description) }
        let devices = ((try? System.enumerateDevices()) ?? []).filter {
            !configuration.ignoredDevices.contains($0.name) && !$0.name.hasPrefix("veth")
        }
        let known = devices.compactMap { $0.address?.ipAddress.flatMap(IPAddress.init) }
            .filter { !$0.isLoopback && !$0.isLinkLocal && !$0.isMulticast }
        let families = configuration.podCIDRs.map(\.family)
        let found = families.compactMap { family in known.first { $0.family == family } }
        return found.isEmpty ? [families.first == .v6 ? "::1" : "127.0.0.1"] : found.map(\.description)
    }
}
