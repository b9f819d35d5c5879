import Glibc
import KubernetesAPI
import PodRuntime

extension CgroupTranslation.Host {
    init(_ capabilities: HostCapabilities, allocatable: [String: Quantity]) {
        self.init(
            controllers: capabilities.controllers, memoryBytes: capabilities.memoryBytes,
            allocatableMemory: allocatable["memory"]?.value ?? capabilities.memoryBytes,
            swapBytes: capabilities.swapBytes, hugePageSizes: capabilities.hugePages.map(\.name),
            pageBytes: Int64(sysconf(Int32(_SC_PAGESIZE))))
    }
}

extension CPUManager {
    /// Nil where no policy is asked for.
    init?(_ options: LimitOptions, topology: CPUTopology) {
        guard options.cpuManagerPolicy == .static else { return nil }
        self.init(topology: topology, reserved: options.reservedCPUs)
    }
}

extension CPUTopology {
    /// This machine's.
    static var host: CPUTopology {
        let folder = "/sys/devices/system/cpu"
        return CPUTopology(online: NodeFacts.text("\(folder)/online")) { cpu, file in
            NodeFacts.text("\(folder)/cpu\(cpu)/topology/\(file)")
        }
    }
}
