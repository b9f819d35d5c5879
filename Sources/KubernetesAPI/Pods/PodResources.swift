extension Container {
    /// An init container that goes on running beside the others (`restartPolicy: Always`).
    public var isSidecar: Bool { restartPolicy?.rawValue == "Always" }
}

extension PodSpec {
    /// What the node sets aside for the pod: the containers' requests together, or more where an init container needs
    /// more while it runs; sidecars count from their start on. Overhead is added.
    public var effectiveRequests: [String: Quantity] {
        var running: [String: Quantity] = [:]
        for container in containers { running.add(container.resources.requests) }
        var starting: [String: Quantity] = [:]
        var sidecars: [String: Quantity] = [:]
        for container in initContainers {
            if container.isSidecar {
                running.add(container.resources.requests)
                sidecars.add(container.resources.requests)
                starting.raise(to: sidecars)
            } else {
                var needed = sidecars
                needed.add(container.resources.requests)
                starting.raise(to: needed)
            }
        }
        running.raise(to: starting)
        running.add(overhead)
        return running
    }

    /// `Guaranteed` where every container limits CPU and memory and requests as much, `BestEffort` where none asks for
    /// any, else `Burstable` (`ComputePodQOS`).
    public var qosClass: PodQOSClass {
        let all = containers + initContainers
        let isAsked = all.contains { container in
            ["cpu", "memory"].contains { name in
                (container.resources.requests[name]?.sign ?? 0) > 0 || (container.resources.limits[name]?.sign ?? 0) > 0
            }
        }
        guard isAsked else { return .bestEffort }
        let isGuaranteed = all.allSatisfy { container in
            ["cpu", "memory"].allSatisfy { name in
                guard let limit = container.resources.limits[name], limit.sign > 0 else { return false }
                return (container.resources.requests[name] ?? limit) == limit
            }
        }
        return isGuaranteed ? .guaranteed : .burstable
    }
}

extension [String: Quantity] {
    fileprivate mutating func add(_ other: [String: Quantity]) {
        for (name, quantity) in other { self[name] = self[name].map { $0 + quantity } ?? quantity }
    }

    fileprivate mutating func raise(to other: [String: Quantity]) {
        for (name, quantity) in other { self[name] = self[name].map { Swift.max($0, quantity) } ?? quantity }
    }
}
