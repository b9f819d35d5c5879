extension [String: String] {
    /// Checks the annotations that set values of cgroups, as fields are checked. They may change while the pod runs, and
    /// its cgroups with them.
    ///
    /// - Parameter path: of the metadata: `metadata`, `spec.template.metadata`.
    func validateCgroups(of spec: PodSpec, at path: FieldPath, into errors: inout FieldErrors) {
        var problems: [CgroupAnnotations.Problem] = []
        _ = CgroupAnnotations(self, spec: spec, problems: &problems)
        for problem in problems {
            errors.invalid(path.child("annotations")[problem.key], problem.value, problem.message)
        }
    }
}
