import KubernetesAPI

/// What the node watches of itself (kubelet: `pkg/kubelet/eviction/api/types.go`).
public enum EvictionSignal: String, Sendable, Hashable, CaseIterable {
    /// Bytes that pods may still use on the machine.
    case memoryAvailable = "memory.available"
    /// Bytes that pods may still use below the limit of all pods together.
    case allocatableMemoryAvailable = "allocatableMemory.available"
    /// Bytes free on the file system of the data directory: volumes, writable layers and images.
    case nodefsAvailable = "nodefs.available"
    case nodefsInodesFree = "nodefs.inodesFree"
    /// The images' file system. It is the same one here, so the figures are those of `nodefs`.
    case imagefsAvailable = "imagefs.available"
    case imagefsInodesFree = "imagefs.inodesFree"
    /// Process and thread numbers that are left.
    case pidAvailable = "pid.available"

    /// What is taken back from pods when the signal is low.
    var resource: EvictionResource {
        switch self {
        case .memoryAvailable, .allocatableMemoryAvailable: .memory
        case .nodefsAvailable, .imagefsAvailable: .ephemeralStorage
        case .nodefsInodesFree, .imagefsInodesFree: .inodes
        case .pidAvailable: .pids
        }
    }

    /// The node condition that says so.
    var condition: NodeConditionType {
        switch resource {
        case .memory: .memoryPressure
        case .ephemeralStorage, .inodes: .diskPressure
        case .pids: .pidPressure
        }
    }
}

/// What an eviction gives back, by the name that messages have for it.
enum EvictionResource: String, Sendable, Hashable, CaseIterable {
    case memory
    case ephemeralStorage = "ephemeral-storage"
    case inodes
    case pids

    /// How its amounts are written: bytes in powers of two, counts in powers of ten.
    var format: Quantity.Format {
        switch self {
        case .memory, .ephemeralStorage: .binary
        case .inodes, .pids: .decimal
        }
    }
}

/// One look at a signal. Bytes, inodes or processes.
struct SignalObservation: Sendable, Hashable {
    var available: Int64
    var capacity: Int64
}
