extension Pod {
    /// What a resize may change (`ValidatePodResize`, KEP-1287): CPU and memory of containers and sidecars, and not so
    /// that the pod's quality of service is another one. `validate` is called besides.
    func validateResize(from old: Pod, into errors: inout FieldErrors) {
        guard spec.podLevelResources == nil, old.spec.podLevelResources == nil else {
            return errors.forbidden(FieldPath("spec.resources"), "pods with pod-level resources cannot be resized")
        }
        guard old.metadata.annotations[Self.mirrorAnnotation] == nil else {
            return errors.forbidden(FieldPath(), "static pods cannot be resized")
        }
        let path = FieldPath("spec")
        for (field, new, previous) in [
            ("containers", spec.containers, old.spec.containers),
            ("initContainers", spec.initContainers, old.spec.initContainers),
        ] where new.map(\.name) != previous.map(\.name) {
            return errors.forbidden(
                path.child(field),
                new.count == previous.count
                    ? "containers may not be renamed or reordered on resize"
                    : "containers may not be added or removed on resize")
        }
        if spec.qosClass != old.spec.qosClass {
            errors.invalid(path, spec.qosClass.rawValue, "Pod QOS Class may not change as a result of resizing")
        }
        if !old.isResizeSupported { errors.forbidden(path, "Pod running on node without support for resize") }
        var comparable = spec
        for index in spec.containers.indices {
            comparable.containers[index].validateResize(
                from: old.spec.containers[index], at: path.child("containers")[index], into: &errors)
        }
        for index in spec.initContainers.indices {
            let (path, previous) = (path.child("initContainers")[index], old.spec.initContainers[index])
            if previous.isSidecar {
                comparable.initContainers[index].validateResize(from: previous, at: path, into: &errors)
            } else if comparable.initContainers[index] != previous {
                errors.forbidden(path, "resources for non-sidecar init containers are immutable")
                comparable.initContainers[index] = previous
            }
        }
        // The API server drops some other changes in silence, and refuses the rest without saying which.
        for changed in JSONDifference.paths(from: old.spec.json, to: comparable.json, at: "spec") {
            errors.forbidden(FieldPath(changed), "only cpu and memory resources are mutable")
        }
    }

    /// The annotation of the API's image of a pod that comes from a file of the node.
    static let mirrorAnnotation = "kubernetes.io/config.mirror"

    /// A node that can resize says what its running containers have.
    private var isResizeSupported: Bool {
        guard let running = status.containerStatuses.first(where: { $0.state.running != nil }) else { return true }
        return running.resources != nil
    }
}

extension Container {
    /// Checks what changes in CPU and memory, and takes it back, so that every other difference is one too many.
    fileprivate mutating func validateResize(from old: Container, at path: FieldPath, into errors: inout FieldErrors) {
        let path = path.child("resources")
        if !Set(old.resources.requests.keys).isSubset(of: resources.requests.keys) {
            errors.forbidden(path.child("requests"), "resource requests cannot be removed")
        }
        if !Set(old.resources.limits.keys).isSubset(of: resources.limits.keys) {
            errors.forbidden(path.child("limits"), "resource limits cannot be removed")
        }
        for name in ["cpu", "memory"] {
            resources.requests[name] = old.resources.requests[name]
            resources.limits[name] = old.resources.limits[name]
        }
    }
}
