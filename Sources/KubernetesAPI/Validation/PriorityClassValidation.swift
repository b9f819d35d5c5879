extension PriorityClass: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        if metadata.name.hasPrefix(SystemPriorityClass.prefix) {
            if let problem = SystemPriorityClass.problem(of: self) {
                errors.forbidden(
                    FieldPath("metadata.name"),
                    "priority class names with '\(SystemPriorityClass.prefix)' prefix are reserved for system use only. "
                        + "error: \(problem)")
            }
        } else if value > SystemPriorityClass.highestUserValue {
            errors.forbidden(
                FieldPath("value"),
                "maximum allowed value of a user defined priority is \(SystemPriorityClass.highestUserValue)")
        }
        if let preemptionPolicy {
            errors.requireKnown(FieldPath("preemptionPolicy"), preemptionPolicy, of: [.preemptLowerPriority, .never])
        }
    }

    public func validateUpdate(from old: PriorityClass, into errors: inout FieldErrors) {
        // Pods were given it.
        if value != old.value { errors.forbidden(FieldPath("value"), "may not be changed in an update.") }
        errors.requireUnchanged(
            FieldPath("preemptionPolicy"), preemptionPolicy?.rawValue ?? "", old.preemptionPolicy?.rawValue ?? "")
    }
}
