/// A point in time as a cell; `<unknown>` where there is none.
private func createdCell(_ metadata: ObjectMeta) -> JSONValue {
    metadata.creationTimestamp?.json ?? "<unknown>"
}

extension Role: TablePrinted {
    public static let columns: [TableColumnDefinition] = [.name, .createdAt]

    public func cells(now: Timestamp) -> [JSONValue] { [.string(metadata.name), createdCell(metadata)] }
}

extension ClusterRole: TablePrinted {
    public static let columns: [TableColumnDefinition] = [.name, .createdAt]

    public func cells(now: Timestamp) -> [JSONValue] { [.string(metadata.name), createdCell(metadata)] }
}

private let bindingColumns: [TableColumnDefinition] = [
    .name,
    TableColumnDefinition("Role", "The role whose rules are granted."),
    .age,
    TableColumnDefinition("Users", wide: true, "The users that have the role."),
    TableColumnDefinition("Groups", wide: true, "The groups that have the role."),
    TableColumnDefinition("ServiceAccounts", wide: true, "The service accounts that have the role."),
]

private func bindingCells(
    _ metadata: ObjectMeta, _ role: RoleRef, _ subjects: [Subject], now: Timestamp
) -> [JSONValue] {
    func names(_ kind: String) -> JSONValue {
        let names = subjects.filter { $0.kind == kind }.map { subject in
            kind == "ServiceAccount" ? "\(subject.namespace)/\(subject.name)" : subject.name
        }
        return .string(names.joined(separator: ", "))
    }
    return [
        .string(metadata.name), .string("\(role.kind)/\(role.name)"), metadata.ageCell(now: now), names("User"),
        names("Group"), names("ServiceAccount"),
    ]
}

extension RoleBinding: TablePrinted {
    public static let columns = bindingColumns

    public func cells(now: Timestamp) -> [JSONValue] { bindingCells(metadata, roleRef, subjects, now: now) }
}

extension ClusterRoleBinding: TablePrinted {
    public static let columns = bindingColumns

    public func cells(now: Timestamp) -> [JSONValue] { bindingCells(metadata, roleRef, subjects, now: now) }
}
