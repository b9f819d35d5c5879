/// The rules of where and when a pod may run: node and pod affinity, spreading, gates.
extension PodSpec {
    /// `validateAffinity`, `validateTopologySpreadConstraints`, `validateReadinessGates`, `validateSchedulingGates`.
    func validateScheduling(at path: FieldPath, into errors: inout FieldErrors) {
        let affinityPath = path.child("affinity")
        affinity?.nodeAffinity?.validate(at: affinityPath.child("nodeAffinity"), into: &errors)
        if let affinity = affinity?.podAffinity {
            Self.validate(
                affinity.requiredDuringSchedulingIgnoredDuringExecution,
                affinity.preferredDuringSchedulingIgnoredDuringExecution, at: affinityPath.child("podAffinity"),
                into: &errors)
        }
        if let affinity = affinity?.podAntiAffinity {
            Self.validate(
                affinity.requiredDuringSchedulingIgnoredDuringExecution,
                affinity.preferredDuringSchedulingIgnoredDuringExecution, at: affinityPath.child("podAntiAffinity"),
                into: &errors)
        }
        validateSpread(at: path.child("topologySpreadConstraints"), into: &errors)
        for (index, gate) in readinessGates.enumerated() {
            let type = gate.conditionType.rawValue
            errors.invalid(
                path.child("readinessGates")[index].child("conditionType"), type, NameRules.qualifiedName(type))
        }
        var gates: Set<String> = []
        for (index, gate) in schedulingGates.enumerated() {
            let path = path.child("schedulingGates")[index]
            errors.invalid(path, gate.name, NameRules.qualifiedName(gate.name))
            if !gates.insert(gate.name).inserted { errors.duplicate(path, gate.name) }
        }
    }

    private static func validate(
        _ required: [PodAffinityTerm], _ preferred: [WeightedPodAffinityTerm], at path: FieldPath,
        into errors: inout FieldErrors
    ) {
        for (index, term) in required.enumerated() {
            term.validate(
                at: path.child("requiredDuringSchedulingIgnoredDuringExecution")[index], into: &errors)
        }
        for (index, preference) in preferred.enumerated() {
            let path = path.child("preferredDuringSchedulingIgnoredDuringExecution")[index]
            errors.requireWeight(path.child("weight"), preference.weight)
            preference.podAffinityTerm.validate(at: path.child("podAffinityTerm"), into: &errors)
        }
    }

    private func validateSpread(at path: FieldPath, into errors: inout FieldErrors) {
        var kinds: Set<String> = []
        for (index, constraint) in topologySpreadConstraints.enumerated() {
            let path = path[index]
            constraint.validate(at: path, into: &errors)
            let kind = "{\(constraint.topologyKey), \(constraint.whenUnsatisfiable)}"
            if !kinds.insert(kind).inserted { errors.duplicate(path.child("{topologyKey, whenUnsatisfiable}"), kind) }
        }
    }

    /// The gates of a pod that exists are only taken away (KEP-3521); until the last one is, its node selector may
    /// become stricter (KEP-3838). Returns what of the spec is left to compare.
    func withoutGateChanges(
        since old: PodSpec, at path: FieldPath, into errors: inout FieldErrors
    ) -> PodSpec {
        var comparable = self
        let known = Set(old.schedulingGates.map(\.name))
        for gate in schedulingGates where !known.contains(gate.name) {
            errors.forbidden(
                path.child("schedulingGates"),
                "only deletion is allowed, but found new scheduling gate '\(gate.name)'")
        }
        comparable.schedulingGates = old.schedulingGates
        guard !old.schedulingGates.isEmpty else { return comparable }
        if !old.nodeSelector.allSatisfy({ nodeSelector[$0.key] == $0.value }) {
            errors.invalid(
                path.child("nodeSelector"), nodeSelector,
                "only additions to spec.nodeSelector are allowed (no mutations or deletions)")
        }
        comparable.nodeSelector = old.nodeSelector
        return comparable
    }
}

extension NodeAffinity {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if let required = requiredDuringSchedulingIgnoredDuringExecution {
            let path = path.child("requiredDuringSchedulingIgnoredDuringExecution").child("nodeSelectorTerms")
            if required.nodeSelectorTerms.isEmpty {
                errors.required(path, "must have at least one node selector term")
            }
            for (index, term) in required.nodeSelectorTerms.enumerated() {
                term.validate(at: path[index], into: &errors)
            }
        }
        for (index, preference) in preferredDuringSchedulingIgnoredDuringExecution.enumerated() {
            let path = path.child("preferredDuringSchedulingIgnoredDuringExecution")[index]
            errors.requireWeight(path.child("weight"), preference.weight)
            preference.preference.validate(at: path.child("preference"), into: &errors)
        }
    }
}

extension NodeSelectorTerm {
    /// `ValidateNodeSelectorTerm`.
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        for (index, requirement) in matchExpressions.enumerated() {
            requirement.validate(at: path.child("matchExpressions")[index], into: &errors)
        }
        for (index, requirement) in matchFields.enumerated() {
            requirement.validateOfField(at: path.child("matchFields")[index], into: &errors)
        }
    }
}

extension NodeSelectorRequirement {
    private static let noOperator = "not a valid selector operator"

    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        switch `operator` {
        case .in, .notIn:
            if values.isEmpty {
                errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")
            }
        case .exists, .doesNotExist:
            if !values.isEmpty {
                errors.forbidden(
                    path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            }
        case .gt, .lt:
            if values.count != 1 {
                errors.required(
                    path.child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'")
            }
        default: errors.invalid(path.child("operator"), `operator`.rawValue, Self.noOperator)
        }
        errors.invalid(path.child("key"), key, NameRules.qualifiedName(key))
    }

    /// Of a node's fields only its name can be asked for.
    fileprivate func validateOfField(at path: FieldPath, into errors: inout FieldErrors) {
        if `operator` != .in, `operator` != .notIn {
            errors.invalid(path.child("operator"), `operator`.rawValue, Self.noOperator)
        } else if values.count != 1 {
            errors.required(
                path.child("values"),
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
        }
        guard key == "metadata.name" else {
            return errors.invalid(path.child("key"), key, "not a valid field selector key")
        }
        for (index, value) in values.enumerated() {
            errors.invalid(path.child("values")[index], value, NameRules.dns1123Subdomain(value))
        }
    }
}

extension PodAffinityTerm {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        labelSelector?.validate(at: path.child("labelSelector"), into: &errors)
        namespaceSelector?.validate(at: path.child("namespaceSelector"), into: &errors)
        for namespace in namespaces {
            errors.invalid(path.child("namespace"), namespace, NameRules.dns1123Label(namespace))
        }
        errors.requireTopologyKey(path.child("topologyKey"), topologyKey)
        if !topologyKey.isEmpty {
            errors.invalid(path.child("topologyKey"), topologyKey, NameRules.qualifiedName(topologyKey))
        }
    }
}

extension TopologySpreadConstraint {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if maxSkew <= 0 { errors.invalid(path.child("maxSkew"), maxSkew, FieldErrors.positive) }
        errors.requireTopologyKey(path.child("topologyKey"), topologyKey)
        if !UnsatisfiableConstraintAction.knownValues.contains(whenUnsatisfiable.rawValue) {
            errors.notSupported(
                path.child("whenUnsatisfiable"), whenUnsatisfiable.rawValue, UnsatisfiableConstraintAction.knownValues)
        }
        if let minDomains {
            let path = path.child("minDomains")
            if minDomains <= 0 { errors.invalid(path, minDomains, FieldErrors.positive) }
            if whenUnsatisfiable != .doNotSchedule {
                errors.invalid(
                    path, minDomains,
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(whenUnsatisfiable)")
            }
        }
        for (field, policy) in [("nodeAffinityPolicy", nodeAffinityPolicy), ("nodeTaintsPolicy", nodeTaintsPolicy)] {
            guard let policy, !NodeInclusionPolicy.knownValues.contains(policy.rawValue) else { continue }
            errors.notSupported(path.child(field), policy.rawValue, NodeInclusionPolicy.knownValues)
        }
        labelSelector?.validate(at: path.child("labelSelector"), into: &errors)
    }
}

extension FieldErrors {
    fileprivate mutating func requireWeight(_ path: FieldPath, _ weight: Int32) {
        if !(1...100).contains(weight) { invalid(path, weight, "must be in the range 1-100") }
    }

    fileprivate mutating func requireTopologyKey(_ path: FieldPath, _ key: String) {
        if key.isEmpty { required(path, "can not be empty") }
    }
}
