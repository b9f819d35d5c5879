import Foundation
import KubernetesAPI
import NIOCore
import PodRuntime

/// What a node has and is, read once when the agent starts.
struct NodeFacts: Sendable {
    /// Withheld from pods so that the node itself does not run out of memory: the kubelet's `memory.available<100Mi`.
    static let evictionReserve: Int64 = 100 << 20

    var address: String
    var hostname: String
    var machineID: String
    var osImage: String
    var architecture: String
    var capacity: [String: Quantity]
    var allocatable: [String: Quantity]
    var labels: [String: String]

    init(configuration: NodeConfiguration, capabilities: HostCapabilities) {
        address = configuration.nodeAddress ?? Self.firstAddress(ignoring: configuration.ignoredDevices)
        hostname = ProcessInfo.processInfo.hostName
        machineID = Self.text("/etc/machine-id")
        osImage = Self.osImage(Self.text("/etc/os-release"))
        #if arch(arm64)
            architecture = "arm64"
        #else
            architecture = "amd64"
        #endif
        let cpu = Int64(capabilities.cpuCount) * 1000
        let memory = capabilities.memoryBytes
        var capacity: [String: Quantity] = [
            "cpu": Quantity(milliValue: cpu), "memory": Quantity("\(memory / 1024)Ki"),
            "pods": Quantity(Int64(configuration.maxPods)),
        ]
        var allocatable = capacity
        allocatable["cpu"] = Quantity(milliValue: max(cpu - configuration.systemReservedMilliCPU, 0))
        let free = max(memory - configuration.systemReservedMemory - Self.evictionReserve, 0)
        allocatable["memory"] = Quantity("\(free / 1024)Ki")
        if let disk = Self.disk(configuration.dataDirectory) {
            capacity["ephemeral-storage"] = Quantity("\(disk.total / 1024)Ki")
            allocatable["ephemeral-storage"] = Quantity(disk.total / 10 * 9)
        }
        self.capacity = capacity
        self.allocatable = allocatable
        labels = [
            "kubernetes.io/hostname": configuration.nodeName, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture, "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": architecture, "node-role.kubernetes.io/control-plane": "",
        ].merging(configuration.labels) { $1 }
    }

    /// Bytes of the file system that a directory is on, and how many are free.
    static func disk(_ path: String) -> (total: Int64, free: Int64)? {
        guard let facts = try? FileManager.default.attributesOfFileSystem(forPath: path),
            let total = (facts[.systemSize] as? NSNumber)?.int64Value,
            let free = (facts[.systemFreeSize] as? NSNumber)?.int64Value
        else { return nil }
        return (total, free)
    }

    /// `MemAvailable` of /proc/meminfo in bytes.
    static func availableMemory(_ meminfo: String = text("/proc/meminfo")) -> Int64? {
        for line in meminfo.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 * 1024 }
        }
        return nil
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

    private static func firstAddress(ignoring ignored: [String]) -> String {
        let devices = (try? System.enumerateDevices()) ?? []
        for device in devices where !ignored.contains(device.name) && !device.name.hasPrefix("veth") {
            if case .v4? = device.address, let address = device.address?.ipAddress, !address.hasPrefix("127.") {
                return address
            }
        }
        return "127.0.0.1"
    }
}
