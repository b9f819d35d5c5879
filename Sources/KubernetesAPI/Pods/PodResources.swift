extension Container {
    /// An init container that goes on running beside the others (`restartPolicy: Always`).
    public var isSidecar: Bool { restartPolicy?.rawValue == "Always" }
}

extension PodSpec {
    /// What the node sets aside for the pod, as its spec asks: the containers' requests together, or more where an init
    /// container needs more while it runs; sidecars count from their start on. Pod-level requests stand in for the
    /// containers' (KEP-2837), overhead is added (`PodRequests`).
    public var effectiveRequests: [String: Quantity] {
        effectiveRequests(ofContainers: aggregate(\.resources.requests))
    }

    /// The bounds of the pod as a whole (`PodLimits`): the containers' limits together, of what they limit, or the
    /// pod-level ones; overhead is added to what is limited. A sum bounds the pod only where every container has a
    /// limit: `isLimited`.
    public var effectiveLimits: [String: Quantity] {
        var limits = aggregate(\.resources.limits)
        limits.replace(with: podLevelResources?.limits ?? [:])
        for (name, quantity) in overhead where (limits[name]?.sign ?? 0) > 0 { limits.add([name: quantity]) }
        return limits
    }

    /// Whether the pod as a whole has a bound of a resource: pod-level, or because each of its containers has one.
    public func isLimited(_ resource: String) -> Bool {
        if podLevelResources?.limits[resource] != nil { return true }
        return (containers + initContainers).allSatisfy { ($0.resources.limits[resource]?.sign ?? 0) > 0 }
    }

    /// `spec.resources` where it asks for anything.
    public var podLevelResources: ResourceRequirements? {
        guard let resources, !resources.requests.isEmpty || !resources.limits.isEmpty else { return nil }
        return resources
    }

    /// A pod's amounts from its containers': together while they run, or more where an init container needs more before
    /// (KEP-753).
    func aggregate(_ amounts: (Container) -> [String: Quantity]) -> [String: Quantity] {
        var running: [String: Quantity] = [:]
        for container in containers { running.add(amounts(container)) }
        var starting: [String: Quantity] = [:]
        var sidecars: [String: Quantity] = [:]
        for container in initContainers {
            if container.isSidecar {
                running.add(amounts(container))
                sidecars.add(amounts(container))
                starting.raise(to: sidecars)
            } else {
                var needed = sidecars
                needed.add(amounts(container))
                starting.raise(to: needed)
            }
        }
        running.raise(to: starting)
        return running
    }

    fileprivate func effectiveRequests(ofContainers aggregated: [String: Quantity]) -> [String: Quantity] {
        var requests = aggregated
        requests.replace(with: podLevelResources?.requests ?? [:])
        requests.add(overhead)
        return requests
    }

    /// `Guaranteed` where CPU and memory are limited and requested as much, `BestEffort` where none of either is asked
    /// for, else `Burstable` (`ComputePodQOS`). Pod-level resources decide where there are any; else every container
    /// has to have the limits.
    public var qosClass: PodQOSClass {
        let all = podLevelResources.map { [$0] } ?? (containers + initContainers).map(\.resources)
        let isAsked = all.contains { resources in
            Self.qosResources.contains { name in
                (resources.requests[name]?.sign ?? 0) > 0 || (resources.limits[name]?.sign ?? 0) > 0
            }
        }
        guard isAsked else { return .bestEffort }
        let isGuaranteed = all.allSatisfy { resources in
            Self.qosResources.allSatisfy { name in
                guard let limit = resources.limits[name], limit.sign > 0 else { return false }
                return (resources.requests[name] ?? limit) == limit
            }
        }
        return isGuaranteed ? .guaranteed : .burstable
    }

    private static let qosResources = ["cpu", "memory"]
}

extension Pod {
    /// What the pod takes of its node: as its spec asks, or more where the node gives it more still while it is being
    /// resized; without what a resize asks for that the node said it cannot do (`PodRequests` with `UseStatusResources`).
    public var effectiveRequests: [String: Quantity] {
        let statuses = Dictionary(
            (status.initContainerStatuses + status.containerStatuses).map { ($0.name, $0) }
        ) { first, _ in first }
        guard statuses.values.contains(where: { $0.resources != nil || !$0.allocatedResources.isEmpty }) else {
            return spec.effectiveRequests
        }
        let isInfeasible = isResizeInfeasible
        func asked(_ container: Container) -> [String: Quantity] { isInfeasible ? [:] : container.resources.requests }
        func allocated(_ container: Container) -> [String: Quantity] {
            guard let allocated = statuses[container.name]?.allocatedResources, !allocated.isEmpty else {
                return asked(container)
            }
            return allocated
        }
        var requests = spec.aggregate(asked)
        requests.raise(to: spec.aggregate(allocated))
        requests.raise(
            to: spec.aggregate { container in
                guard let actual = statuses[container.name]?.resources?.requests, !actual.isEmpty else {
                    return allocated(container)
                }
                return actual
            })
        return spec.effectiveRequests(ofContainers: requests)
    }

    /// Whether the node said that it can never do the resize that the spec asks for (`PodResizePending`, `Infeasible`).
    public var isResizeInfeasible: Bool {
        status.conditions.contains { $0.type == .podResizePending && $0.reason == PodResizeStatus.infeasible.rawValue }
    }
}

extension [String: Quantity] {
    mutating func add(_ other: [String: Quantity]) {
        for (name, quantity) in other { self[name] = self[name].map { $0 + quantity } ?? quantity }
    }

    fileprivate mutating func raise(to other: [String: Quantity]) {
        for (name, quantity) in other { self[name] = self[name].map { Swift.max($0, quantity) } ?? quantity }
    }

    fileprivate mutating func replace(with other: [String: Quantity]) {
        for (name, quantity) in other { self[name] = quantity }
    }
}
