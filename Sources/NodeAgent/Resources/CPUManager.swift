import KubernetesAPI
import PodRuntime

/// Gives CPUs of their own to the containers of Guaranteed pods that ask for whole ones (kubelet: `cpumanager`, policy
/// `static`). All others share what is left, with the reserved ones among it.
///
/// A value without a memory of its own: what is on disk are the runtime's facts of each container, and after a start of
/// the agent `restore` reads the assignments from them.
struct CPUManager: Sendable, Hashable {
    /// No CPUs are left for a container that is to have its own.
    struct Shortage: Error, Hashable, CustomStringConvertible {
        var requested: Int
        var available: Int
        var description: String {
            "Allocate failed due to not enough cpus available to satisfy request: requested=\(requested), "
                + "available=\(available), which is unexpected"
        }
    }

    let topology: CPUTopology
    let reserved: CPUSet
    /// Pod to container to its own CPUs.
    private(set) var assignments: [String: [String: CPUSet]] = [:]

    init(topology: CPUTopology, reserved: CPUSet) {
        self.topology = topology
        self.reserved = reserved
    }

    /// Where all containers without CPUs of their own run. Never empty: it has the reserved ones.
    var shared: CPUSet {
        assignments.values.reduce(topology.all) { left, containers in
            containers.values.reduce(left) { $0.subtracting($1) }
        }
    }

    private var free: CPUSet { shared.subtracting(reserved) }

    func assignment(of container: String, in uid: String) -> CPUAssignment {
        if let own = assignments[uid]?[container] { return CPUAssignment(cpus: own, isExclusive: true) }
        return CPUAssignment(cpus: shared, isExclusive: false)
    }

    func hasExclusiveCPUs(_ uid: String) -> Bool { assignments[uid].map { !$0.isEmpty } ?? false }

    /// How many CPUs of its own a container gets; 0 for one that shares.
    static func exclusiveCount(_ container: Container, of spec: PodSpec) -> Int {
        guard spec.qosClass == .guaranteed, let request = container.resources.requests["cpu"],
            request.milliValue > 0, request.milliValue % 1000 == 0
        else { return 0 }
        return Int(request.value)
    }

    /// Assigns CPUs to every container of a pod that is to have its own and has none yet, or to none of them. Init containers that end leave
    /// theirs to those that come after them.
    mutating func assign(_ pod: Pod) throws(Shortage) {
        let uid = pod.metadata.uid
        var own = assignments[uid] ?? [:]
        var reusable = CPUSet()
        var open = free
        for container in pod.spec.initContainers + pod.spec.containers {
            let count = Self.exclusiveCount(container, of: pod.spec)
            guard count > 0 else { continue }
            let isInit = pod.spec.initContainers.contains { $0.name == container.name }
            let cpus: CPUSet
            if let present = own[container.name] {
                cpus = present
            } else {
                // What an init container had is taken first.
                let reused = topology.choose(min(count, reusable.count), from: reusable) ?? CPUSet()
                guard let more = topology.choose(count - reused.count, from: open.subtracting(reused)) else {
                    throw Shortage(requested: count, available: open.union(reusable).count)
                }
                cpus = reused.union(more)
            }
            own[container.name] = cpus
            open = open.subtracting(cpus)
            reusable =
                isInit && !container.isSidecar ? reusable.union(cpus) : reusable.subtracting(cpus)
        }
        if !own.isEmpty { assignments[uid] = own }
    }

    /// Takes what the containers of a pod have already.
    /// - Parameter present: `cpuset.cpus` of each container, as the runtime's facts have it.
    mutating func restore(_ pod: Pod, present: [String: String]) {
        var own: [String: CPUSet] = [:]
        for container in pod.spec.initContainers + pod.spec.containers {
            let count = Self.exclusiveCount(container, of: pod.spec)
            // A share has the reserved CPUs in it, CPUs of one's own have not.
            guard count > 0, let cpus = present[container.name].flatMap({ CPUSet($0) }), cpus.count == count,
                cpus.isSubset(of: free)
            else { continue }
            own[container.name] = cpus
        }
        if !own.isEmpty { assignments[pod.metadata.uid] = own }
    }

    mutating func release(_ uid: String) { assignments[uid] = nil }
}
