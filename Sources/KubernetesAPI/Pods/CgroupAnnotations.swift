/// The annotations by which a pod reaches what the kernel's cgroups can do and Kubernetes has no field for.
///
/// `cgroup.minikube-lite/FILE` is about the pod's cgroup, `CONTAINER.cgroup.minikube-lite/FILE` about one container's;
/// `FILE` is the kernel's own name of the file (`CgroupKnobs.files`). The API validates them like fields.
public struct CgroupAnnotations: Sendable, Hashable {
    /// One annotation of the family that cannot be done.
    public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        public var key: String
        public var value: String
        /// What is wrong, without the path.
        public var message: String

        public var description: String { "metadata.annotations[\(key)]: \(message)" }
    }

    /// What stands before the slash of the pod's own keys, and after the container's name of the others.
    public static let domain = "cgroup.minikube-lite"

    public var pod = CgroupKnobs()
    /// By the container's name; containers that nothing was asked for are not in it.
    public var containers: [String: CgroupKnobs] = [:]

    public init() {}

    /// Reads the family from a pod's annotations, or a template's.
    ///
    /// - Parameter problems: gets what was left out; nothing for a pod that the API accepted.
    public init(_ annotations: [String: String], spec: PodSpec, problems: inout [Problem]) {
        let all = spec.initContainers + spec.containers
        let names = Set(all.map(\.name))
        for (key, value) in annotations.sorted(by: { $0.key < $1.key }) {
            guard let address = Address(key) else { continue }
            do throws(CgroupKnobs.Problem) {
                if address.container.isEmpty {
                    try pod.set(address.file, to: value)
                } else if names.contains(address.container) {
                    try containers[address.container, default: CgroupKnobs()].set(address.file, to: value)
                } else {
                    throw CgroupKnobs.Problem("no container is named \"\(address.container)\"")
                }
            } catch {
                problems.append(Problem(key: key, value: value, message: error.message))
            }
        }
        guard !pod.isEmpty || !containers.isEmpty else { return }
        func report(_ found: [CgroupKnobs.Conflict], _ container: String) {
            for conflict in found {
                let key = Self.key(conflict.file, container: container)
                problems.append(Problem(key: key, value: annotations[key] ?? "", message: conflict.message))
            }
        }
        report(pod.conflicts(with: spec.resources?.limits ?? [:], owner: "the pod"), "")
        for container in all {
            guard let knobs = containers[container.name] else { continue }
            report(knobs.conflicts(with: container.resources.limits, owner: "the container"), container.name)
        }
    }

    /// Reads a pod's. Throws the first problem.
    public init(_ pod: Pod) throws(Problem) {
        var problems: [Problem] = []
        self.init(pod.metadata.annotations, spec: pod.spec, problems: &problems)
        if let first = problems.first { throw first }
    }

    /// The key of one file's annotation: of the pod's cgroup where no container is named.
    public static func key(_ file: String, container: String = "") -> String {
        (container.isEmpty ? "" : "\(container).") + "\(domain)/\(file)"
    }

    /// Whether an annotation is one of the family.
    public static func owns(_ key: String) -> Bool { Address(key) != nil }

    /// A key, taken apart.
    private struct Address {
        var container: String
        var file: String

        init?(_ key: String) {
            let sides = key.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { return nil }
            file = String(sides[1])
            if sides[0] == CgroupAnnotations.domain {
                container = ""
            } else if sides[0].hasSuffix(".\(CgroupAnnotations.domain)") {
                container = String(sides[0].dropLast(CgroupAnnotations.domain.utf8.count + 1))
                // Not the pod's cgroup by another name.
                if container.isEmpty { container = "." }
            } else {
                return nil
            }
        }
    }
}

extension CgroupKnobs {
    /// A value that is good by itself and not beside another one.
    struct Conflict: Hashable {
        var file: String
        var message: String
    }

    /// - Parameters:
    ///   - limits: the resource limits of the same container or pod.
    ///   - owner: whose limits they are, for the message.
    func conflicts(with limits: [String: Quantity], owner: String) -> [Conflict] {
        var found: [Conflict] = []
        if cpuMax != nil, limits["cpu"] != nil {
            found.append(Conflict(file: "cpu.max", message: "\(owner) has `resources.limits[cpu]`, which sets cpu.max"))
        }
        if cpuIdle == true, cpuWeight != nil {
            found.append(Conflict(file: "cpu.weight", message: "has no meaning where cpu.idle is 1"))
        }
        if let burst = cpuMaxBurst, burst > 0 {
            // A quota from limits.cpu is the node's to compute, by its period.
            if limits["cpu"] == nil, cpuMax?.quota.number == nil {
                found.append(
                    Conflict(file: "cpu.max.burst", message: "needs a quota: cpu.max or `resources.limits[cpu]`"))
            } else if let quota = cpuMax?.quota.number, burst > quota {
                found.append(
                    Conflict(file: "cpu.max.burst", message: "must be less than or equal to the quota of \(quota)"))
            }
        }
        if let limit = limits["memory"] {
            for (file, amount) in [("memory.high", memoryHigh), ("memory.low", memoryLow), ("memory.min", memoryMin)] {
                guard let number = amount?.number, number > limit.value else { continue }
                found.append(
                    Conflict(
                        file: file,
                        message: "must be less than or equal to memory limit of \(limit.canonical)"))
            }
        }
        for name in hugePages.keys.sorted() {
            guard let size = HugePageSize(kernelName: name), limits[size.resource] != nil else { continue }
            let file = "hugetlb.\(name).max"
            found.append(
                Conflict(file: file, message: "\(owner) has `resources.limits[\(size.resource)]`, which sets \(file)"))
        }
        return found
    }
}
