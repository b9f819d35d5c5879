import KubernetesAPI

/// Sets knobs in a pod template.
struct PodEditor {
    var template: PodTemplateSpec

    /// Does nothing where the factor is not about this pod (`neighbour` nil: the workload), or the value is `none`.
    mutating func set(_ factor: Factor, _ value: ExperimentValue, of neighbour: String?) {
        guard factor.owner.neighbour == neighbour, value != Knob.none else { return }
        let owner = factor.owner
        switch factor.knob.target {
        case .memoryMax:
            setLimit("memory", value.number.map { Quantity(Int64($0), format: .binary) }, of: owner)
        case .cpuMax:
            setLimit("cpu", value.number.map { Quantity(milliValue: Int64(($0 * 1000).rounded())) }, of: owner)
        case .cpuPeriod:
            if let period = value.number { setPeriod(Int64(period), of: owner) }
        case .annotation(let file): annotate(file, Self.text(value), owner)
        case .ioMax(let device, let limit): setIOLimit(device, limit, Self.text(value), owner)
        case .environment(let name):
            guard let index = container(owner) else { return }
            var variable = EnvVar()
            variable.name = name
            variable.value = value.description
            template.spec.containers[index].env.removeAll { $0.name == name }
            // In front, so that the container's other variables can refer to it.
            template.spec.containers[index].env.insert(variable, at: 0)
        }
    }

    /// As the kernel's files have it.
    private static func text(_ value: ExperimentValue) -> String { value.description }

    private func container(_ owner: Factor.Owner) -> Int? {
        guard let name = owner.container else { return nil }
        return template.spec.containers.firstIndex { $0.name == name }
    }

    private mutating func annotate(_ file: String, _ value: String, _ owner: Factor.Owner) {
        template.metadata.annotations[CgroupAnnotations.key(file, container: owner.container ?? "")] = value
    }

    // MARK: Resources

    func cpuLimit(of owner: Factor.Owner) -> Quantity? { resources(owner).limits["cpu"] }

    private func resources(_ owner: Factor.Owner) -> ResourceRequirements {
        guard let index = container(owner) else { return template.spec.resources ?? ResourceRequirements() }
        return template.spec.containers[index].resources
    }

    private mutating func update(_ owner: Factor.Owner, _ change: (inout ResourceRequirements) -> Void) {
        var resources = resources(owner)
        change(&resources)
        if let index = container(owner) {
            template.spec.containers[index].resources = resources
        } else {
            template.spec.resources = resources
        }
    }

    /// Nil takes the limit away. A request that is above the limit is lowered to it.
    private mutating func setLimit(_ name: String, _ limit: Quantity?, of owner: Factor.Owner) {
        update(owner) { resources in
            if limit == nil, resources.requests[name] == nil, let former = resources.limits[name] {
                // Else the workload would lose its share together with its limit.
                resources.requests[name] = former
            }
            resources.limits[name] = limit
            if let limit, let request = resources.requests[name], request > limit { resources.requests[name] = limit }
        }
    }

    /// A quota in another period cannot be said by `limits.cpu`: it becomes the annotation `cpu.max`, and the request that
    /// the limit implied becomes one of its own.
    private mutating func setPeriod(_ period: Int64, of owner: Factor.Owner) {
        guard let limit = cpuLimit(of: owner) else { return }
        update(owner) { resources in
            resources.limits["cpu"] = nil
            if resources.requests["cpu"] == nil { resources.requests["cpu"] = limit }
        }
        // The kernel refuses quotas below a millisecond.
        annotate("cpu.max", "\(max(limit.milliValue * period / 1000, 1000)) \(period)", owner)
    }

    // MARK: io.max

    /// Keeps what the annotation says of other devices and other limits.
    private mutating func setIOLimit(_ device: String, _ limit: String, _ value: String, _ owner: Factor.Owner) {
        let key = CgroupAnnotations.key("io.max", container: owner.container ?? "")
        var lines = (template.metadata.annotations[key] ?? "").split(separator: ";").map { line in
            line.split(separator: " ").map(String.init)
        }
        let index = lines.firstIndex { $0.first == device }
        if index == nil { lines.append([device]) }
        let line = index ?? lines.count - 1
        lines[line].removeAll { $0.hasPrefix("\(limit)=") }
        lines[line].append("\(limit)=\(value)")
        template.metadata.annotations[key] = lines.map { $0.joined(separator: " ") }.joined(separator: "; ")
    }
}

extension Factor.Owner {
    /// Nil: the workload.
    var neighbour: String? {
        switch self {
        case .container, .pod: nil
        case .neighbour(let name, _), .neighbourPod(let name): name
        }
    }

    /// Nil: the pod as a whole.
    var container: String? {
        switch self {
        case .container(let name), .neighbour(_, let name): name
        case .pod, .neighbourPod: nil
        }
    }
}
