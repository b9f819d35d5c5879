extension PodSpec {
    /// The resources that a pod asks for by what it says of others; a pod's only, not a template's (`SetDefaults_Pod`).
    mutating func setResourceDefaults() {
        for index in initContainers.indices { initContainers[index].resources.requestWhatIsLimited() }
        for index in containers.indices { containers[index].resources.requestWhatIsLimited() }
        setPodLevelDefaults()
    }

    /// What a pod with some pod-level resources leaves out of them (KEP-2837): limits of huge pages from the containers',
    /// limits of what every container limits, then requests from the containers' or else from the limits. The API
    /// server sets limits last and finds more requests to set when it next reads the object; here once is enough.
    private mutating func setPodLevelDefaults() {
        guard var resources = podLevelResources else { return }
        let containerLimits = aggregate(\.resources.limits)
        for (name, limit) in containerLimits
        where ResourceRequirements.isHugePages(name) && resources.requests[name] == nil
            && resources.limits[name] == nil
        {
            resources.limits[name] = limit
        }
        if resources.limits.isEmpty {
            for name in Self.podLevelOvercommitted where isLimited(name) {
                resources.limits[name] = containerLimits[name]
            }
        }
        if !resources.limits.isEmpty {
            for (name, request) in aggregate(\.resources.requests)
            where Self.podLevelOvercommitted.contains(name) && resources.requests[name] == nil {
                resources.requests[name] = request
            }
            resources.requestWhatIsLimited()
        }
        self.resources = resources
    }

    /// What a pod may ask for as a whole, besides huge pages.
    static let podLevelOvercommitted = ["cpu", "memory"]
}

extension ResourceRequirements {
    /// A resource with a limit and no request is requested up to its limit.
    fileprivate mutating func requestWhatIsLimited() {
        for (name, limit) in limits where requests[name] == nil { requests[name] = limit }
    }

    /// Thousandths are the finest amount of a resource that is stored (`SetDefaults_ResourceList`). Of CPU a finer
    /// amount is a mistake, which validation is to see.
    mutating func roundToMilli() {
        func rounded(_ quantities: [String: Quantity]) -> [String: Quantity] {
            Dictionary(
                uniqueKeysWithValues: quantities.map {
                    ($0.key, $0.key == "cpu" ? $0.value : $0.value.roundedUpToMilli)
                })
        }
        limits = rounded(limits)
        requests = rounded(requests)
    }
}

extension Quantity {
    fileprivate var roundedUpToMilli: Quantity {
        guard let parsed, parsed.nanos % 1_000_000 != 0 else { return self }
        return Quantity(milliValue: milliValue, format: parsed.format)
    }
}
