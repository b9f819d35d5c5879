import KubernetesAPI

/// The admission plugin Priority: pods get the priority of their class, and there is one default class.
extension ObjectService {
    /// Sets what a new pod's class says. Throws 403 where there is no such class, or the pod says something else.
    func admitPriority(of spec: inout JSONObject, _ request: ObjectRequest, name: String) throws(APIError) {
        let asked = spec["priorityClassName"]?.stringValue ?? ""
        let found = asked.isEmpty ? defaultPriorityClass() : priorityClass(asked)
        if !asked.isEmpty, found == nil {
            throw .forbidden(request.resource, name, because: "no PriorityClass with name \(asked) was found")
        }
        let priority = Int64(found?.value ?? 0)
        if let given = spec["priority"]?.integerValue, given != priority {
            throw .forbidden(
                request.resource, name,
                because:
                    "the integer value of priority (\(given)) must not be provided in pod spec; priority admission "
                    + "controller computed \(priority) from the given PriorityClass name")
        }
        let policy = found?.preemptionPolicy ?? .preemptLowerPriority
        if let given = spec["preemptionPolicy"]?.stringValue, given != policy.rawValue {
            throw .forbidden(
                request.resource, name,
                because: "the string value of PreemptionPolicy (\(given)) must not be provided in pod spec; priority "
                    + "admission controller computed \(policy) from the given PriorityClass name")
        }
        if let found { spec["priorityClassName"] = .string(found.metadata.name) }
        spec["priority"] = .integer(priority)
        spec["preemptionPolicy"] = .string(policy.rawValue)
    }

    /// Throws 403 where a class is to be the default and another one is.
    func checkPriorityClass(_ changed: PriorityClass, _ request: ObjectRequest) throws(APIError) {
        guard changed.globalDefault, let present = defaultPriorityClass(),
            present.metadata.name != changed.metadata.name
        else { return }
        throw .forbidden(
            request.resource, changed.metadata.name,
            because: "PriorityClass \(present.metadata.name) is already marked as default. Only one default can exist")
    }

    private func priorityClass(_ name: String) -> PriorityClass? {
        guard let classes = catalogue.resource(of: PriorityClass.groupVersionKind),
            let object = store.object(classes.collection, ObjectKey(namespace: "", name: name))
        else { return nil }
        return try? PriorityClass(json: object.value)
    }

    /// The class of pods that name none; of several, which a race can make, the lowest.
    private func defaultPriorityClass() -> PriorityClass? {
        guard let classes = catalogue.resource(of: PriorityClass.groupVersionKind),
            let stored = try? store.objects(classes.collection, namespace: "").objects
        else { return nil }
        return stored.filter { $0.value["globalDefault"] == true }.compactMap { try? PriorityClass(json: $0.value) }
            .min { $0.value < $1.value }
    }
}
