extension Event: ValidatedObject {
    /// Events are made by the system in great numbers. The old ones, without `eventTime`, have one rule: an event lives
    /// beside its object, that of an object without a namespace in `default`.
    public func validate(into errors: inout FieldErrors) {
        guard eventTime == nil else {
            return validateReport(controller: "reportingComponent", message: "message", into: &errors)
        }
        let path = FieldPath("involvedObject.namespace")
        let kind = GroupVersionKind(apiVersion: involvedObject.apiVersion, kind: involvedObject.kind)
        let home = involvedObject.namespace
        if home.isEmpty, Schema.shared.resource(of: kind)?.namespaced != true {
            if !["", "default"].contains(metadata.namespace) {
                errors.invalid(path, home, "does not match event.namespace")
            }
        } else if home != metadata.namespace {
            errors.invalid(path, home, "does not match event.namespace")
        }
    }

    /// Those with `eventTime` say who reported what and why, in both forms (`legacyValidateEvent`).
    fileprivate func validateReport(controller: String, message field: String, into errors: inout FieldErrors) {
        if involvedObject.namespace.isEmpty, !["default", "kube-system"].contains(metadata.namespace) {
            errors.invalid(
                FieldPath("involvedObject.namespace"), involvedObject.namespace, "does not match event.namespace")
        }
        if reportingComponent.isEmpty { errors.required(FieldPath(controller)) }
        errors.invalid(FieldPath(controller), reportingComponent, NameRules.qualifiedName(reportingComponent))
        let texts = [("reportingInstance", reportingInstance), ("action", action), ("reason", reason)]
        for (field, text) in texts {
            if text.isEmpty { errors.required(FieldPath(field)) }
            if text.utf8.count > 128 { errors.invalid(FieldPath(field), "", "can have at most 128 characters") }
        }
        if message.utf8.count > 1024 { errors.invalid(FieldPath(field), "", "can have at most 1024 characters") }
    }
}

extension EventsEvent: ValidatedObject {
    /// An object that was made in the old form has what new ones must not have, and keeps it.
    public func validate(into errors: inout FieldErrors) {
        if eventTime == nil, deprecatedFirstTimestamp != nil { return stored.validate(into: &errors) }
        stored.validateReport(controller: "reportingController", message: "message", into: &errors)
        if eventTime == nil { errors.required(FieldPath("eventTime")) }
        if !["Normal", "Warning"].contains(type) {
            errors.invalid(FieldPath("type"), "", "has invalid value: \(type)")
        }
        let deprecated = [
            ("firstTimestamp", deprecatedFirstTimestamp != nil), ("lastTimestamp", deprecatedLastTimestamp != nil),
            ("count", deprecatedCount != 0), ("source", deprecatedSource != EventSource()),
        ]
        for (field, isSet) in deprecated where isSet { errors.invalid(FieldPath(field), "", "needs to be unset") }
        guard let series else { return }
        if series.count < 2 { errors.invalid(FieldPath("series.count"), "", "should be at least 2") }
        if series.lastObservedTime == nil { errors.required(FieldPath("series.lastObservedTime")) }
    }

    /// Only the series goes on.
    public func validateUpdate(from old: EventsEvent, into errors: inout FieldErrors) {
        let fields: [(String, JSONValue, JSONValue)] = [
            ("involvedObject", regarding.json, old.regarding.json),
            ("reason", .string(reason), .string(old.reason)), ("message", .string(note), .string(old.note)),
            ("type", .string(type), .string(old.type)), ("action", .string(action), .string(old.action)),
            ("eventTime", eventTime?.json ?? .null, old.eventTime?.json ?? .null),
            ("related", related?.json ?? .null, old.related?.json ?? .null),
            ("reportingController", .string(reportingController), .string(old.reportingController)),
            ("reportingInstance", .string(reportingInstance), .string(old.reportingInstance)),
        ]
        for (field, new, before) in fields { errors.requireUnchanged(FieldPath(field), new, before) }
    }
}
