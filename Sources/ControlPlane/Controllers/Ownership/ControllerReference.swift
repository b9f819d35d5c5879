import KubernetesAPI

extension ObjectMeta {
    /// The owner that manages the object, of which there is at most one.
    var controller: OwnerReference? { ownerReferences.first { $0.controller == true } }

    /// Whether somebody asked for the object's end.
    var isBeingDeleted: Bool { deletionTimestamp != nil }
}

extension KubernetesObject {
    /// A reference that makes this object the controller of another one, which foreground deletion waits for.
    var controllerReference: OwnerReference {
        var reference = OwnerReference()
        reference.apiVersion = Self.groupVersionKind.apiVersion
        reference.kind = Self.groupVersionKind.kind
        reference.name = metadata.name
        reference.uid = metadata.uid
        reference.controller = true
        reference.blockOwnerDeletion = true
        return reference
    }
}
