extension Deployment: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Ready", "How many pods are ready, of how many that are wanted."),
        TableColumnDefinition("Up-to-date", "How many pods have the present template."),
        TableColumnDefinition("Available", "How many pods have been ready for minReadySeconds."),
        .age, .containers, .images, .selector,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), .string("\(status.readyReplicas)/\(spec.replicas ?? 1)"),
            .integer(Int64(status.updatedReplicas)), .integer(Int64(status.availableReplicas)),
            metadata.ageCell(now: now), spec.template.spec.containers.namesCell,
            spec.template.spec.containers.imagesCell, spec.selector.cell,
        ]
    }
}

extension ReplicaSet: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Desired", type: "integer", "How many pods are wanted."),
        TableColumnDefinition("Current", type: "integer", "How many pods there are."),
        TableColumnDefinition("Ready", type: "integer", "How many pods are ready."),
        .age, .containers, .images, .selector,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), .integer(Int64(spec.replicas ?? 1)), .integer(Int64(status.replicas)),
            .integer(Int64(status.readyReplicas)), metadata.ageCell(now: now),
            spec.template.spec.containers.namesCell, spec.template.spec.containers.imagesCell, spec.selector.cell,
        ]
    }
}

extension ReplicationController: TablePrinted {
    public static let columns = ReplicaSet.columns

    public func cells(now: Timestamp) -> [JSONValue] {
        let containers = spec.template?.spec.containers ?? []
        return [
            .string(metadata.name), .integer(Int64(spec.replicas ?? 1)), .integer(Int64(status.replicas)),
            .integer(Int64(status.readyReplicas)), metadata.ageCell(now: now), containers.namesCell,
            containers.imagesCell, spec.selector.labelsCell,
        ]
    }
}

extension PodTemplate: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Containers", "Names of each container in the template."),
        TableColumnDefinition("Images", "Images referenced by each container in the template."),
        TableColumnDefinition("Pod Labels", "The labels of pods that are made from it."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), template.spec.containers.namesCell, template.spec.containers.imagesCell,
            template.metadata.labels.labelsCell,
        ]
    }
}
