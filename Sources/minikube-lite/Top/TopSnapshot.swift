import KubernetesAPI

/// What `top` shows, as it was at one moment: the node's statistics and the pods' objects put together.
struct TopSnapshot: Sendable, Hashable {
    /// What a cgroup or the machine has used; what is not measured is nil.
    struct Figures: Sendable, Hashable {
        /// Nanoseconds since 1970.
        var time: Int64 = 0
        /// CPU time so far, and the node's own rate in billionths of a core.
        var cpuNanoseconds: Int64?
        var cpuRate: Int64?
        var periods: Int64?
        var throttledPeriods: Int64?
        var workingSet: Int64?
        var memoryPeak: Int64?
        /// Percent of the last ten seconds in which something waited.
        var cpuPressure: Double?
        var memoryPressure: Double?
        var ioPressure: Double?
        var processes: Int64?
        var processLimit: Int64?
        var readBytes: Int64?
        var writeBytes: Int64?
        var oomKills: Int64?
    }

    struct Container: Sendable, Hashable {
        var namespace: String
        var pod: String
        var name: String
        /// Tells two pods of one name, and two attempts of one container apart.
        var uid: String
        var startTime: String
        var restarts: Int64
        /// Thousandths of a core; bytes.
        var cpuRequest: Int64?
        var cpuLimit: Int64?
        var memoryRequest: Int64?
        var memoryLimit: Int64?
        var figures: Figures

        var key: String { "\(uid)/\(name)/\(startTime)" }
    }

    struct Node: Sendable, Hashable {
        var name: String
        /// Thousandths of a core; bytes.
        var cpuCapacity: Int64
        var memoryCapacity: Int64
        var figures: Figures
        var swapUsed: Int64?
        var diskUsed: Int64?
        var diskCapacity: Int64?
        var startTime: Timestamp?
    }

    /// Everything of the node that is no pod, by the kubelet's names (`pods`, `runtime`).
    struct System: Sendable, Hashable {
        var name: String
        var figures: Figures
    }

    var node: Node
    var system: [System]
    var containers: [Container]
    var podCount: Int

    /// - Parameters:
    ///   - summary: of the node's `/stats/summary`.
    ///   - namespace: of the containers that are shown; nil: all.
    init(summary: JSONValue, pods: [Pod], node object: APINode, namespace: String?) {
        let byUID = Dictionary(pods.map { ($0.metadata.uid, $0) }, uniquingKeysWith: { $1 })
        let nodeStats = summary["node"] ?? .null
        let fileSystem = nodeStats["fs"]
        node = Node(
            name: nodeStats["nodeName"]?.stringValue ?? object.metadata.name,
            cpuCapacity: object.status.capacity["cpu"]?.milliValue ?? 0,
            memoryCapacity: object.status.capacity["memory"]?.value ?? 0, figures: Figures(nodeStats),
            swapUsed: nodeStats[path: "swap", "swapUsageBytes"]?.integerValue,
            diskUsed: fileSystem?["usedBytes"]?.integerValue, diskCapacity: fileSystem?["capacityBytes"]?.integerValue,
            startTime: nodeStats["startTime"].flatMap { try? Timestamp(json: $0) })
        system = (nodeStats["systemContainers"]?.arrayValue ?? []).map {
            System(name: $0["name"]?.stringValue ?? "", figures: Figures($0))
        }
        let podStats = (summary["pods"]?.arrayValue ?? []).filter {
            namespace == nil || $0[path: "podRef", "namespace"]?.stringValue == namespace
        }
        podCount = podStats.count
        containers = podStats.flatMap { stats in
            let uid = stats[path: "podRef", "uid"]?.stringValue ?? ""
            return (stats["containers"]?.arrayValue ?? []).map { container in
                Container(container, of: stats, uid: uid, object: byUID[uid])
            }
        }
    }
}

/// The object of the API; what is shown of it is `TopSnapshot.Node`.
typealias APINode = KubernetesAPI.Node

extension TopSnapshot.Container {
    fileprivate init(_ stats: JSONValue, of pod: JSONValue, uid: String, object: Pod?) {
        let name = stats["name"]?.stringValue ?? ""
        let spec = object.flatMap { pod in
            (pod.spec.containers + pod.spec.initContainers).first { $0.name == name }
        }
        let status = object.flatMap { pod in
            (pod.status.containerStatuses + pod.status.initContainerStatuses).first { $0.name == name }
        }
        // What the node says is in force; while it says nothing, what is asked for.
        let resources = status?.resources
        let requests = resources?.requests ?? spec?.resources.requests ?? [:]
        let limits = resources?.limits ?? spec?.resources.limits ?? [:]
        self.init(
            namespace: pod[path: "podRef", "namespace"]?.stringValue ?? "",
            pod: pod[path: "podRef", "name"]?.stringValue ?? "", name: name, uid: uid,
            startTime: stats["startTime"]?.stringValue ?? "", restarts: Int64(status?.restartCount ?? 0),
            cpuRequest: requests["cpu"]?.milliValue, cpuLimit: limits["cpu"]?.milliValue,
            memoryRequest: requests["memory"]?.value, memoryLimit: limits["memory"]?.value,
            figures: TopSnapshot.Figures(stats))
    }
}

extension TopSnapshot.Figures {
    /// Reads one element of the summary: the kubelet's fields, and the node's own beside them (docs/limits.md).
    init(_ stats: JSONValue) {
        let own = stats["minikubeLite"]
        time = own?["timeNanoSeconds"]?.integerValue ?? 0
        cpuNanoseconds = stats[path: "cpu", "usageCoreNanoSeconds"]?.integerValue
        cpuRate = stats[path: "cpu", "usageNanoCores"]?.integerValue
        periods = own?[path: "cpu", "periods"]?.integerValue
        throttledPeriods = own?[path: "cpu", "throttledPeriods"]?.integerValue
        workingSet = stats[path: "memory", "workingSetBytes"]?.integerValue
        memoryPeak = own?[path: "memory", "peakBytes"]?.integerValue
        cpuPressure = Self.pressure(stats["cpu"])
        memoryPressure = Self.pressure(stats["memory"])
        ioPressure = Self.pressure(stats["io"])
        processes =
            own?[path: "pids", "current"]?.integerValue ?? own?["processes"]?.integerValue
            ?? stats[path: "rlimit", "curproc"]?.integerValue
        processLimit = own?[path: "pids", "max"]?.integerValue ?? stats[path: "rlimit", "maxpid"]?.integerValue
        if let devices = own?["io"]?.arrayValue {
            readBytes = devices.reduce(0) { $0 + ($1["readBytes"]?.integerValue ?? 0) }
            writeBytes = devices.reduce(0) { $0 + ($1["writeBytes"]?.integerValue ?? 0) }
        }
        oomKills = own?[path: "memoryEvents", "oomKill"]?.integerValue
    }

    private static func pressure(_ part: JSONValue?) -> Double? {
        switch part?[path: "psi", "some", "avg10"] {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }
}
