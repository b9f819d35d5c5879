extension Node: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Status", "Whether the node is ready, and whether it takes new pods."),
        TableColumnDefinition("Roles", "The node's roles, from its labels."),
        .age,
        TableColumnDefinition("Version", "The Kubernetes version that the node reports."),
        TableColumnDefinition("Internal-IP", wide: true, "The node's address within the cluster."),
        TableColumnDefinition("External-IP", wide: true, "The node's address outside of the cluster."),
        TableColumnDefinition("OS-Image", wide: true, "The node's operating system."),
        TableColumnDefinition("Kernel-Version", wide: true, "The node's kernel."),
        TableColumnDefinition("Container-Runtime", wide: true, "What runs the containers."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        let ready = status.conditions.first { $0.type == .ready }
        var state = ready.map { $0.status == .true ? "Ready" : "NotReady" } ?? "Unknown"
        if spec.unschedulable { state += ",SchedulingDisabled" }
        let prefix = "node-role.kubernetes.io/"
        let roles = metadata.labels.compactMap { key, value -> String? in
            if key.hasPrefix(prefix), key.count > prefix.count { return String(key.dropFirst(prefix.count)) }
            return key == "kubernetes.io/role" && !value.isEmpty ? value : nil
        }
        func address(_ type: NodeAddressType) -> JSONValue {
            (status.addresses.first { $0.type == type }?.address ?? "").cell
        }
        func info(_ text: String) -> JSONValue { .string(text.isEmpty ? "<unknown>" : text) }
        return [
            .string(metadata.name), .string(state), Set(roles).sorted().joined(separator: ",").cell,
            metadata.ageCell(now: now), .string(status.nodeInfo.kubeletVersion), address(.internalIP),
            address(.externalIP), info(status.nodeInfo.osImage), info(status.nodeInfo.kernelVersion),
            info(status.nodeInfo.containerRuntimeVersion),
        ]
    }
}

extension Namespace: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Status", "Whether the namespace is in use or on its way out."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .string(status.phase.rawValue), metadata.ageCell(now: now)]
    }
}

extension Event: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        TableColumnDefinition("Last Seen", "When it happened last."),
        TableColumnDefinition("Type", "Normal or Warning."),
        TableColumnDefinition("Reason", "What happened, in one word for machines."),
        TableColumnDefinition("Object", "The object that the event is about."),
        TableColumnDefinition("Subobject", wide: true, "The part of the object that is meant."),
        TableColumnDefinition("Source", wide: true, "Who reported it."),
        TableColumnDefinition("Message", "What happened, for people."),
        TableColumnDefinition("First Seen", wide: true, "When it happened first."),
        TableColumnDefinition("Count", wide: true, "How often it happened."),
        TableColumnDefinition("Name", format: "name", wide: true, "The event's name."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        func age(_ time: Timestamp?) -> String { Age.text(since: time, now: now) }
        func age(_ time: MicroTimestamp?) -> String {
            age(time.map { Timestamp(seconds: $0.microseconds / 1_000_000) })
        }
        let first = firstTimestamp.map { age($0) } ?? age(eventTime)
        var last = lastTimestamp.map { age($0) } ?? first
        var times = count == 0 ? 1 : count
        if let series {
            last = age(series.lastObservedTime)
            times = series.count
        }
        let object =
            involvedObject.name.isEmpty
            ? involvedObject.kind.lowercased() : "\(involvedObject.kind.lowercased())/\(involvedObject.name)"
        let component = source.component.isEmpty ? reportingComponent : source.component
        let host = source.component.isEmpty ? reportingInstance : source.host
        return [
            .string(last), .string(type), .string(reason), .string(object), .string(involvedObject.fieldPath),
            .string(host.isEmpty ? component : "\(component), \(host)"),
            .string(String(message.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())),
            .string(first), .integer(Int64(times)), .string(metadata.name),
        ]
    }
}

extension Lease: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Holder", "Who holds the lease."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .string(spec.holderIdentity ?? ""), metadata.ageCell(now: now)]
    }
}

extension EventsEvent: TablePrinted {
    public static let columns = Event.columns

    public func cells(now: Timestamp) -> [JSONValue] { stored.cells(now: now) }
}

extension PriorityClass: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Value", type: "integer", "The priority of pods of this class."),
        TableColumnDefinition("Global-Default", type: "boolean", "Whether pods that name no class are of this one."),
        .age,
        TableColumnDefinition("PreemptionPolicy", "Whether pods of this class may take the place of others."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), .integer(Int64(value)), .bool(globalDefault), metadata.ageCell(now: now),
            .string(preemptionPolicy?.rawValue ?? ""),
        ]
    }
}
