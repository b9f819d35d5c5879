import KubernetesAPI

/// The rows of `top`: what two snapshots say together.
struct TopTable: Sendable, Hashable {
    enum Order: String, Sendable, Hashable, CaseIterable {
        case cpu, memory, name
    }

    struct Row: Sendable, Hashable {
        var namespace: String
        var pod: String
        var container: String
        /// Thousandths of a core.
        var cpu: Double?
        var cpuRequest: Int64?
        var cpuLimit: Int64?
        /// Percent of the periods of the quota in which the container was held back.
        var throttled: Double?
        var memory: Int64?
        var memoryRequest: Int64?
        var memoryLimit: Int64?
        var memoryPeak: Int64?
        var cpuPressure: Double?
        var memoryPressure: Double?
        var ioPressure: Double?
        var processes: Int64?
        var processLimit: Int64?
        /// Bytes a second.
        var reads: Double?
        var writes: Double?
        var oomKills: Int64?
        var restarts: Int64?
    }

    var rows: [Row]
    /// The machine itself.
    var node: Row

    /// - Parameter earlier: a snapshot from before, for rates; without one they are the node's own, where it has them.
    init(_ now: TopSnapshot, since earlier: TopSnapshot?, order: Order) {
        let before = Dictionary(
            (earlier?.containers ?? []).map { ($0.key, $0.figures) }, uniquingKeysWith: { $1 })
        rows = now.containers.map { container in
            var row = Row(
                container.figures, since: before[container.key], namespace: container.namespace, pod: container.pod,
                container: container.name)
            row.cpuRequest = container.cpuRequest
            row.cpuLimit = container.cpuLimit
            row.memoryRequest = container.memoryRequest
            row.memoryLimit = container.memoryLimit
            row.restarts = container.restarts
            return row
        }
        rows.sort { Self.precedes($0, $1, order) }
        node = Row(
            now.node.figures, since: earlier?.node.figures, namespace: "", pod: now.node.name, container: "")
        node.cpuLimit = now.node.cpuCapacity
        node.memoryLimit = now.node.memoryCapacity
    }

    /// The machine, and the parts of it that are no containers: the rows of `top node`.
    static func ofNode(_ now: TopSnapshot, since earlier: TopSnapshot?) -> [Row] {
        let node = TopTable(now, since: earlier, order: .name).node
        let before = Dictionary(
            (earlier?.system ?? []).map { ($0.name, $0.figures) }, uniquingKeysWith: { $1 })
        return [node]
            + now.system.map { system in
                Row(system.figures, since: before[system.name], namespace: "", pod: system.name, container: "")
            }
    }

    private static func precedes(_ left: Row, _ right: Row, _ order: Order) -> Bool {
        let byName =
            (left.namespace, left.pod, left.container) < (right.namespace, right.pod, right.container)
        switch order {
        case .name: return byName
        case .cpu:
            let (a, b) = (left.cpu ?? -1, right.cpu ?? -1)
            return a == b ? byName : a > b
        case .memory:
            let (a, b) = (left.memory ?? -1, right.memory ?? -1)
            return a == b ? byName : a > b
        }
    }
}

extension TopTable.Row {
    fileprivate init(
        _ now: TopSnapshot.Figures, since before: TopSnapshot.Figures?, namespace: String, pod: String,
        container: String
    ) {
        self.init(
            namespace: namespace, pod: pod, container: container, cpu: now.cpuRate.map { Double($0) / 1e6 },
            memory: now.workingSet, memoryPeak: now.memoryPeak, cpuPressure: now.cpuPressure,
            memoryPressure: now.memoryPressure, ioPressure: now.ioPressure, processes: now.processes,
            processLimit: now.processLimit, oomKills: now.oomKills)
        guard let before, now.time > before.time else {
            throttled = Self.share(now.throttledPeriods, of: now.periods)
            return
        }
        let seconds = Double(now.time - before.time) / 1e9
        func rate(_ value: (TopSnapshot.Figures) -> Int64?) -> Double? {
            guard let new = value(now), let old = value(before), new >= old else { return nil }
            return Double(new - old) / seconds
        }
        cpu = rate(\.cpuNanoseconds).map { $0 / 1e6 } ?? cpu
        reads = rate(\.readBytes)
        writes = rate(\.writeBytes)
        func difference(_ value: (TopSnapshot.Figures) -> Int64?) -> Int64? {
            guard let new = value(now), let old = value(before), new >= old else { return nil }
            return new - old
        }
        throttled = Self.share(difference(\.throttledPeriods), of: difference(\.periods))
    }

    /// In percent. A cgroup without a quota has no periods, and nothing to be throttled by.
    private static func share(_ part: Int64?, of whole: Int64?) -> Double? {
        guard let part, let whole else { return nil }
        return whole > 0 ? Double(part) * 100 / Double(whole) : 0
    }
}
