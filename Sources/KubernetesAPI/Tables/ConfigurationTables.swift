extension ConfigMap: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Data", "How many entries it has."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .integer(Int64(data.count + binaryData.count)), metadata.ageCell(now: now)]
    }
}

extension Secret: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Type", "What the secret is for."),
        TableColumnDefinition("Data", "How many entries it has."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), .string(type.rawValue), .integer(Int64(data.count)), metadata.ageCell(now: now),
        ]
    }
}

extension ServiceAccount: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Secrets", "How many secrets may be used by its pods."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .integer(Int64(secrets.count)), metadata.ageCell(now: now)]
    }
}
