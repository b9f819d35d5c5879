extension Deployment: ValidatedObject, StatusValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        spec.template.validate(asTemplateOf: spec.replicas, spec.selector, at: path, into: &errors)
        spec.strategy.validate(at: path.child("strategy"), into: &errors)
        errors.requireNotNegative(path.child("minReadySeconds"), Int64(spec.minReadySeconds))
        if let limit = spec.revisionHistoryLimit {
            errors.requireNotNegative(path.child("revisionHistoryLimit"), Int64(limit))
        }
        if let deadline = spec.progressDeadlineSeconds {
            let path = path.child("progressDeadlineSeconds")
            errors.requireNotNegative(path, Int64(deadline))
            if deadline <= spec.minReadySeconds {
                errors.invalid(path, deadline, "must be greater than minReadySeconds")
            }
        }
    }

    public func validateUpdate(from old: Deployment, into errors: inout FieldErrors) {
        errors.requireUnchanged(FieldPath("spec.selector"), spec.selector.json, old.spec.selector.json)
    }

    public var unsupportedFieldWarnings: [String] {
        spec.template.spec.unsupportedFieldWarnings(at: FieldPath("spec.template.spec"))
    }

    public var customaryWarnings: [String] { spec.template.customaryWarnings(ofCopiesOf: metadata) }

    func validateStatus(into errors: inout FieldErrors) {
        errors.requireCounts(
            [
                ("replicas", status.replicas), ("updatedReplicas", status.updatedReplicas),
                ("readyReplicas", status.readyReplicas), ("availableReplicas", status.availableReplicas),
                ("unavailableReplicas", status.unavailableReplicas),
            ], observedGeneration: status.observedGeneration)
        for (field, count) in [
            ("updatedReplicas", status.updatedReplicas), ("readyReplicas", status.readyReplicas),
            ("availableReplicas", status.availableReplicas),
        ] where count > status.replicas {
            errors.invalid(FieldPath("status").child(field), count, "cannot be greater than status.replicas")
        }
    }
}

extension ReplicaSet: ValidatedObject, StatusValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        spec.template.validate(asTemplateOf: spec.replicas, spec.selector, at: path, into: &errors)
        errors.requireNotNegative(path.child("minReadySeconds"), Int64(spec.minReadySeconds))
    }

    public func validateUpdate(from old: ReplicaSet, into errors: inout FieldErrors) {
        errors.requireUnchanged(FieldPath("spec.selector"), spec.selector.json, old.spec.selector.json)
    }

    public var unsupportedFieldWarnings: [String] {
        spec.template.spec.unsupportedFieldWarnings(at: FieldPath("spec.template.spec"))
    }

    public var customaryWarnings: [String] { spec.template.customaryWarnings(ofCopiesOf: metadata) }

    func validateStatus(into errors: inout FieldErrors) {
        errors.requireCounts(
            [
                ("replicas", status.replicas), ("fullyLabeledReplicas", status.fullyLabeledReplicas),
                ("readyReplicas", status.readyReplicas), ("availableReplicas", status.availableReplicas),
            ], observedGeneration: status.observedGeneration)
        for (field, count) in [
            ("fullyLabeledReplicas", status.fullyLabeledReplicas), ("readyReplicas", status.readyReplicas),
            ("availableReplicas", status.availableReplicas),
        ] where count > status.replicas {
            errors.invalid(FieldPath("status").child(field), count, "cannot be greater than status.replicas")
        }
    }
}

extension ReplicationController: ValidatedObject, StatusValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        errors.requireNotNegative(path.child("minReadySeconds"), Int64(spec.minReadySeconds))
        errors.requireNotNegative(path.child("replicas"), Int64(spec.replicas ?? 1))
        if spec.selector.isEmpty { errors.required(path.child("selector")) }
        guard let template = spec.template else { return errors.required(path.child("template")) }
        let labels = template.metadata.labels
        if !spec.selector.allSatisfy({ labels[$0.key] == $0.value }) {
            errors.invalid(
                path.child("template").child("metadata").child("labels"), labels,
                "`selector` does not match template `labels`")
        }
        template.validateCopies(at: path.child("template"), of: "ReplicationController", into: &errors)
    }

    public var unsupportedFieldWarnings: [String] {
        spec.template?.spec.unsupportedFieldWarnings(at: FieldPath("spec.template.spec")) ?? []
    }

    public var customaryWarnings: [String] { spec.template?.customaryWarnings(ofCopiesOf: metadata) ?? [] }

    func validateStatus(into errors: inout FieldErrors) {
        errors.requireCounts(
            [
                ("replicas", status.replicas), ("fullyLabeledReplicas", status.fullyLabeledReplicas),
                ("readyReplicas", status.readyReplicas), ("availableReplicas", status.availableReplicas),
            ], observedGeneration: status.observedGeneration)
        for (field, count) in [
            ("fullyLabeledReplicas", status.fullyLabeledReplicas), ("readyReplicas", status.readyReplicas),
            ("availableReplicas", status.availableReplicas),
        ] where count > status.replicas {
            errors.invalid(FieldPath("status").child(field), count, "cannot be greater than status.replicas")
        }
    }
}

extension PodTemplate: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        template.validate(at: FieldPath("template"), into: &errors)
    }

    public var unsupportedFieldWarnings: [String] {
        template.spec.unsupportedFieldWarnings(at: FieldPath("template.spec"))
    }

    public var customaryWarnings: [String] {
        template.spec.customaryWarnings(template.metadata, at: FieldPath("template"))
    }
}

extension FieldErrors {
    fileprivate mutating func requireCounts(_ counts: [(String, Int32)], observedGeneration: Int64) {
        let path = FieldPath("status")
        for (field, count) in counts { requireNotNegative(path.child(field), Int64(count)) }
        requireNotNegative(path.child("observedGeneration"), observedGeneration)
    }
}

extension LabelSelector? {
    fileprivate var json: JSONValue { self?.json ?? .null }
}

extension PodTemplateSpec {
    /// - Parameter owner: of what keeps copies of the template.
    fileprivate func customaryWarnings(ofCopiesOf owner: ObjectMeta) -> [String] {
        owner.hostNameWarnings("Pod names and hostnames")
            + spec.customaryWarnings(metadata, at: FieldPath("spec.template"))
    }

    /// What Deployments and ReplicaSets have in common.
    fileprivate func validate(
        asTemplateOf replicas: Int32?, _ selector: LabelSelector?, at path: FieldPath, into errors: inout FieldErrors
    ) {
        errors.requireNotNegative(path.child("replicas"), Int64(replicas ?? 1))
        let selectorPath = path.child("selector")
        if let selector {
            selector.validate(at: selectorPath, into: &errors)
            if selector.isEmpty {
                errors.invalid(selectorPath, selector, "empty selector is invalid for deployment")
            } else if let matcher = try? LabelMatcher(selector), !matcher.matches(metadata.labels) {
                errors.invalid(
                    path.child("template").child("metadata").child("labels"), metadata.labels,
                    "`selector` does not match template `labels`")
            }
        } else {
            errors.required(selectorPath)
        }
        validateCopies(at: path.child("template"), of: "ReplicaSet", into: &errors)
    }

    /// The template and what it may not say where copies are kept.
    fileprivate func validateCopies(at path: FieldPath, of kind: String, into errors: inout FieldErrors) {
        validate(at: path, into: &errors)
        let path = path.child("spec")
        if PodSpec.restartPolicies.contains(spec.restartPolicy), spec.restartPolicy != .always {
            errors.notSupported(path.child("restartPolicy"), spec.restartPolicy.rawValue, ["Always"])
        }
        if spec.activeDeadlineSeconds != nil {
            errors.forbidden(
                path.child("activeDeadlineSeconds"), "activeDeadlineSeconds in \(kind) is not Supported")
        }
    }
}

extension DeploymentStrategy {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        switch type {
        case .recreate:
            if rollingUpdate != nil {
                errors.forbidden(
                    path.child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")
            }
        case .rollingUpdate:
            guard let rollingUpdate else {
                errors.required(path.child("rollingUpdate"), "this should be defaulted and never be nil")
                return
            }
            let path = path.child("rollingUpdate")
            errors.requireCountOrPercent(path.child("maxUnavailable"), rollingUpdate.maxUnavailable, limit: 100)
            errors.requireCountOrPercent(path.child("maxSurge"), rollingUpdate.maxSurge, limit: nil)
            if rollingUpdate.maxUnavailable?.isZero == true, rollingUpdate.maxSurge?.isZero == true {
                errors.invalid(
                    path.child("maxUnavailable"), rollingUpdate.maxUnavailable.json,
                    "may not be 0 when `maxSurge` is 0")
            }
        default:
            errors.requireKnown(path.child("type"), type, of: [.recreate, .rollingUpdate])
        }
    }
}

extension IntOrString? {
    fileprivate var json: JSONValue { self?.json ?? .null }
}

extension IntOrString {
    /// 25 of `25%`; nil where it is a number or no percentage.
    public var percentage: Int? {
        guard case .string(let text) = self, text.hasSuffix("%"), text.utf8.count > 1,
            text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int(text.dropLast())
    }

    fileprivate var isZero: Bool {
        switch self {
        case .int(let number): number == 0
        case .string: percentage == 0
        }
    }
}

extension FieldErrors {
    /// A count of pods, or a percentage up to a limit.
    fileprivate mutating func requireCountOrPercent(_ path: FieldPath, _ value: IntOrString?, limit: Int?) {
        switch value {
        case .int(let number): requireNotNegative(path, Int64(number))
        case .string(let text):
            guard let percentage = value?.percentage else {
                invalid(
                    path, text,
                    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
                        + "regex used for validation is '[0-9]+%')")
                return
            }
            if let limit, percentage > limit { invalid(path, text, "must not be greater than \(limit)%") }
        case nil: break
        }
    }
}
