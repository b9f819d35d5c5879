/// What RBAC's kinds leave out (`pkg/apis/rbac/v1/defaults.go`).
extension RoleRef {
    /// The API group of roles and of the subjects that are not service accounts.
    public static let group = "rbac.authorization.k8s.io"

    fileprivate mutating func setDefaults() {
        if apiGroup.isEmpty { apiGroup = Self.group }
    }
}

extension Subject {
    fileprivate mutating func setDefaults() {
        if apiGroup.isEmpty, ["User", "Group"].contains(kind) { apiGroup = RoleRef.group }
    }
}

extension RoleBinding: DefaultedObject {
    public mutating func setDefaults() {
        roleRef.setDefaults()
        for index in subjects.indices { subjects[index].setDefaults() }
    }
}

extension ClusterRoleBinding: DefaultedObject {
    public mutating func setDefaults() {
        roleRef.setDefaults()
        for index in subjects.indices { subjects[index].setDefaults() }
    }
}
