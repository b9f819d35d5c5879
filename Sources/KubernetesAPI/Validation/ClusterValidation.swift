internal import Foundation

/// What a ConfigMap and a Secret hold, bytes.
private let dataLimit = 1 << 20

extension ConfigMap: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        for key in data.keys.sorted() {
            errors.invalid(FieldPath("data")[key], key, NameRules.configMapKey(key))
            if binaryData[key] != nil {
                errors.invalid(FieldPath("data")[key], key, "duplicate of key present in binaryData")
            }
        }
        for key in binaryData.keys.sorted() {
            errors.invalid(FieldPath("binaryData")[key], key, NameRules.configMapKey(key))
        }
        let size = data.reduce(0) { $0 + $1.value.utf8.count } + binaryData.reduce(0) { $0 + $1.value.count }
        // The API server leaves the path empty here; the data are what is too long.
        if size > dataLimit { errors.tooLong(FieldPath("data"), limit: dataLimit) }
    }

    public func validateUpdate(from old: ConfigMap, into errors: inout FieldErrors) {
        guard old.immutable == true else { return }
        let problem = "field is immutable when `immutable` is set"
        if immutable != true { errors.forbidden(FieldPath("immutable"), problem) }
        if data != old.data { errors.forbidden(FieldPath("data"), problem) }
        if binaryData != old.binaryData { errors.forbidden(FieldPath("binaryData"), problem) }
    }
}

extension Secret: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("data")
        for key in data.keys.sorted() { errors.invalid(path[key], key, NameRules.configMapKey(key)) }
        if data.reduce(0, { $0 + $1.value.count }) > dataLimit { errors.tooLong(path, limit: dataLimit) }
        func require(_ key: String) {
            if data[key] == nil { errors.required(path[key]) }
        }
        switch type.rawValue {
        case "kubernetes.io/tls":
            require("tls.crt")
            require("tls.key")
        case "kubernetes.io/ssh-auth": require("ssh-privatekey")
        case "kubernetes.io/basic-auth":
            if data["username"] == nil, data["password"] == nil {
                errors.required(path["username"])
                errors.required(path["password"])
            }
        case "kubernetes.io/dockerconfigjson": requireJSON(".dockerconfigjson", at: path, into: &errors)
        case "kubernetes.io/dockercfg": requireJSON(".dockercfg", at: path, into: &errors)
        case "kubernetes.io/service-account-token":
            let key = "kubernetes.io/service-account.name"
            if metadata.annotations[key, default: ""].isEmpty {
                errors.required(FieldPath("metadata.annotations")[key])
            }
        default: break
        }
    }

    private func requireJSON(_ key: String, at path: FieldPath, into errors: inout FieldErrors) {
        guard let content = data[key] else {
            errors.required(path[key])
            return
        }
        if (try? JSONParser.parse(content)) == nil {
            errors.invalid(path[key], "<secret contents redacted>", "not valid JSON")
        }
    }

    public func validateUpdate(from old: Secret, into errors: inout FieldErrors) {
        errors.requireUnchanged(FieldPath("type"), type.rawValue, old.type.rawValue)
        guard old.immutable == true else { return }
        let problem = "field is immutable when `immutable` is set"
        if immutable != true { errors.forbidden(FieldPath("immutable"), problem) }
        if data != old.data { errors.forbidden(FieldPath("data"), problem) }
    }
}

extension Namespace: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.dns1123Label(name) }

    public func validate(into errors: inout FieldErrors) {
        for (index, finalizer) in spec.finalizers.enumerated() {
            errors.invalid(
                FieldPath("spec.finalizers")[index], finalizer.rawValue, NameRules.qualifiedName(finalizer.rawValue))
        }
    }
}

extension Node: ValidatedObject, StatusValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        var taints: Set<String> = []
        for (index, taint) in spec.taints.enumerated() {
            let path = FieldPath("spec.taints")[index]
            errors.invalid(path.child("key"), taint.key, NameRules.qualifiedName(taint.key))
            errors.invalid(path.child("value"), taint.value, NameRules.labelValue(taint.value))
            errors.requireKnown(
                path.child("effect"), taint.effect, of: [.noSchedule, .preferNoSchedule, .noExecute])
            if !taints.insert("\(taint.key):\(taint.effect)").inserted { errors.duplicate(path, taint) }
        }
    }

    public func validateUpdate(from old: Node, into errors: inout FieldErrors) {
        if !old.spec.podCIDR.isEmpty, spec.podCIDR != old.spec.podCIDR {
            errors.forbidden(FieldPath("spec.podCIDR"), "node updates may not change podCIDR except from \"\" to valid")
        }
    }

    func validateStatus(into errors: inout FieldErrors) {
        for (field, amounts) in [("capacity", status.capacity), ("allocatable", status.allocatable)] {
            for (name, amount) in amounts.sorted(by: { $0.key < $1.key }) where !amount.isValid || amount.sign < 0 {
                errors.invalid(FieldPath("status").child(field)[name], amount.canonical, FieldErrors.notNegative)
            }
        }
    }
}

extension ServiceAccount: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {}
}

extension Lease: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        if let seconds = spec.leaseDurationSeconds, seconds <= 0 {
            errors.invalid(path.child("leaseDurationSeconds"), seconds, "must be greater than 0")
        }
        if let transitions = spec.leaseTransitions {
            errors.requireNotNegative(path.child("leaseTransitions"), Int64(transitions))
        }
        if let holder = spec.holderIdentity, holder.isEmpty {
            errors.invalid(path.child("holderIdentity"), holder, "must not be empty")
        }
    }
}
