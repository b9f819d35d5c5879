extension [String: String] {
    /// Checks the annotations that set values of cgroups, as fields are checked.
    ///
    /// - Parameter path: of the metadata: `metadata`, `spec.template.metadata`.
    func validateCgroups(of spec: PodSpec, at path: FieldPath, into errors: inout FieldErrors) {
        var problems: [CgroupAnnotations.Problem] = []
        _ = CgroupAnnotations(self, spec: spec, problems: &problems)
        for problem in problems {
            errors.invalid(path.child("annotations")[problem.key], problem.value, problem.message)
        }
    }

    /// A pod's cgroups get these values when they are made: of a pod that exists they do not change.
    func validateCgroupsUpdate(from old: [String: String], at path: FieldPath, into errors: inout FieldErrors) {
        for key in Set(keys).union(old.keys).sorted() where CgroupAnnotations.owns(key) && self[key] != old[key] {
            errors.forbidden(
                path.child("annotations")[key],
                "may not change on a pod that exists: cgroups get these values when the pod starts")
        }
    }
}
