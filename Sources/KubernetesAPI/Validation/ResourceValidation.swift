extension ResourceRequirements {
    /// Whose resources they are.
    enum Owner: Sendable { case container, pod }

    private static let standardNames: Set<String> = ["cpu", "memory", "ephemeral-storage"]
    /// Resources of which a limit of nothing is no limit at all to the kernel, or one that nothing runs within.
    private static let positiveLimits: Set<String> = ["cpu", "memory", "ephemeral-storage"]
    /// More cores than any machine has, and few enough that microseconds of them can be computed with.
    private static let mostCPUs: Int64 = 1_000_000

    static func isHugePages(_ name: String) -> Bool { name.hasPrefix(HugePageSize.resourcePrefix) }

    private static func isOvercommittable(_ name: String) -> Bool {
        !isHugePages(name) && (!name.contains("/") || name.contains("kubernetes.io/"))
    }

    /// `ValidateContainerResourceRequirements`, `validatePodResourceRequirements`: amounts are not negative, and what is
    /// requested is within the limit. Beyond Kubernetes, amounts that cannot be meant are refused: limits of zero, CPU
    /// finer than a thousandth, memory of less than a byte (`64m`), and more than a machine can have.
    func validate(_ owner: Owner, at path: FieldPath, into errors: inout FieldErrors) {
        for (name, limit) in limits.sorted(by: { $0.key < $1.key }) {
            Self.validate(name, limit, owner, at: path.child("limits"), into: &errors)
            if limit.parsed?.nanos == 0, Self.positiveLimits.contains(name) {
                errors.invalid(path.child("limits")[name], limit.canonical, FieldErrors.positive)
            }
        }
        let requestsPath = path.child("requests")
        for (name, request) in requests.sorted(by: { $0.key < $1.key }) {
            Self.validate(name, request, owner, at: requestsPath, into: &errors)
            let mustEqual = !Self.isOvercommittable(name)
            guard let limit = limits[name] else {
                if mustEqual {
                    errors.required(path.child("limits"), "Limit must be set for non overcommitable resources")
                }
                continue
            }
            if mustEqual, request != limit {
                errors.invalid(requestsPath, request.canonical, "must be equal to \(name) limit of \(limit.canonical)")
            } else if request > limit {
                errors.invalid(
                    requestsPath, request.canonical, "must be less than or equal to \(name) limit of \(limit.canonical)"
                )
            }
        }
        let names = Set(limits.keys).union(requests.keys)
        if names.contains(where: Self.isHugePages), names.isDisjoint(with: ["cpu", "memory"]) {
            errors.forbidden(path, "HugePages require cpu or memory")
        }
    }

    private static func validate(
        _ name: String, _ quantity: Quantity, _ owner: Owner, at path: FieldPath, into errors: inout FieldErrors
    ) {
        errors.invalid(path, name, NameRules.qualifiedName(name))
        switch owner {
        case .container:
            if !name.contains("/"), !standardNames.contains(name), !isHugePages(name) {
                errors.invalid(path[name], name, "must be a standard resource for containers")
            }
        case .pod:
            if !PodSpec.podLevelOvercommitted.contains(name), !isHugePages(name) {
                errors.notSupported(
                    path[name], name, PodSpec.podLevelOvercommitted + [HugePageSize.resourcePrefix])
            }
        }
        guard let amount = quantity.parsed else {
            return errors.invalid(path[name], quantity.text, Quantity.syntaxProblem)
        }
        guard amount.nanos >= 0 else {
            return errors.invalid(path[name], quantity.canonical, FieldErrors.notNegative)
        }
        if let problem = problem(of: amount, name) { errors.invalid(path[name], quantity.canonical, problem) }
    }

    private static func problem(of amount: Quantity.Amount, _ name: String) -> String? {
        let unit = Quantity.nanosPerUnit
        switch name {
        case "cpu":
            if amount.nanos % (unit / 1000) != 0 {
                return "must be a multiple of 1m: thousandths of a CPU are the finest"
            }
            return amount.nanos > Int128(mostCPUs) * unit ? "must be less than or equal to \(mostCPUs)" : nil
        case "memory", "ephemeral-storage":
            if amount.nanos > 0, amount.nanos < unit {
                return "must be at least one byte: the suffix m means thousandths, Mi means mebibytes"
            }
            return amount.nanos >= Quantity.maximumNanos ? "must be less than 8Ei" : nil
        case _ where isHugePages(name):
            guard let size = HugePageSize(resource: name) else { return "\(name) is no size of huge pages" }
            guard amount.nanos % (Int128(size.bytes) * unit) != 0 else { return nil }
            // `validateResourceQuantityHugePageValue`.
            return "\(amount.canonicalText) is not positive integer multiple of \(name)"
        default:
            return isOvercommittable(name) || amount.nanos % unit == 0 ? nil : "must be an integer"
        }
    }

    /// What is taken and is most likely another amount than was meant (`warningsForPodSpecAndMeta`).
    func warnings(at path: FieldPath) -> [String] {
        var warnings: [String] = []
        for (field, quantities) in [("limits", limits), ("requests", requests)] {
            for name in ["memory", "ephemeral-storage"] {
                guard let quantity = quantities[name], let amount = quantity.parsed,
                    amount.nanos % Quantity.nanosPerUnit != 0
                else { continue }
                warnings.append(
                    "\(path.child(field)[name]): fractional byte value \"\(quantity.canonical)\" is invalid, "
                        + "must be an integer")
            }
        }
        return warnings
    }
}

extension PodSpec {
    /// `validatePodResourceConsistency` (KEP-2837): the pod's requests cover its containers', and no container's limit is
    /// above the pod's.
    func validatePodLevelResources(at path: FieldPath, into errors: inout FieldErrors) {
        guard let resources else { return }
        let resourcesPath = path.child("resources")
        resources.validate(.pod, at: resourcesPath, into: &errors)
        for (name, needed) in aggregate(\.resources.requests).sorted(by: { $0.key < $1.key }) {
            guard let request = resources.requests[name], request < needed else { continue }
            errors.invalid(
                resourcesPath.child("requests")[name], request.canonical,
                "must be greater than or equal to aggregate container requests of \(needed.canonical)")
        }
        for (name, needed) in aggregate(\.resources.limits).sorted(by: { $0.key < $1.key })
        where ResourceRequirements.isHugePages(name) {
            guard let limit = resources.limits[name], limit < needed else { continue }
            errors.invalid(
                resourcesPath.child("limits")[name], limit.canonical,
                "must be greater than or equal to aggregate container limits of \(needed.canonical)")
        }
        for (field, list) in [("containers", containers), ("initContainers", initContainers)] {
            for (index, container) in list.enumerated() {
                for (name, limit) in container.resources.limits.sorted(by: { $0.key < $1.key }) {
                    guard let bound = resources.limits[name], limit > bound else { continue }
                    errors.invalid(
                        path.child(field)[index].child("resources").child("limits")[name], limit.canonical,
                        "must be less than or equal to pod limits of \(bound.canonical)")
                }
            }
        }
    }
}

extension [ContainerResizePolicy] {
    private static var resources: [ResourceName] { [.cpu, .memory] }
    private static var policies: [ResourceResizeRestartPolicy] { [.notRequired, .restartContainer] }

    /// `validateResizePolicy`.
    func validate(restartPolicy: RestartPolicy, at path: FieldPath, into errors: inout FieldErrors) {
        var seen: Set<ResourceName> = []
        for (index, policy) in enumerated() {
            if !seen.insert(policy.resourceName).inserted {
                errors.duplicate(path[index], policy.resourceName.rawValue)
            }
            errors.requireKnown(path[index].child("resourceName"), policy.resourceName, of: Self.resources)
            errors.requireKnown(path[index].child("restartPolicy"), policy.restartPolicy, of: Self.policies)
            if restartPolicy == .never, policy.restartPolicy == .restartContainer {
                errors.invalid(
                    path[index].child("restartPolicy"), policy.restartPolicy.rawValue,
                    "must be 'NotRequired' when `restartPolicy` is 'Never'")
            }
        }
    }
}
