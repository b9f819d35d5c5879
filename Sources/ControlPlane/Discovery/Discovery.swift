import KubernetesAPI

/// What is served, in the two forms of discovery: one list per group version, and one for everything (KEP-3352).
struct Discovery: Sendable {
    static let aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

    /// `/api`, `/apis`, `/apis/<group>`.
    let coreVersions: JSONValue
    let groupList: JSONValue
    let groups: [String: JSONValue]
    /// By group and version: `/v1` (the core group), `apps/v1`.
    let resources: [String: JSONValue]
    let aggregatedCore: JSONValue
    let aggregatedGroups: JSONValue

    /// Groups that only the plain lists name, and without resources. kubectl before 1.22 evicts pods in `drain` only where
    /// there is a group `policy`, though an eviction is a part of pods; without it, it deletes them. Clients of that age
    /// do not know the aggregated form.
    private static let announced = [(group: "policy", version: "v1")]

    static func isAggregated(_ range: MediaRange) -> Bool {
        range.isJSON && range.parameters["as"] == "APIGroupDiscoveryList"
            && range.parameters["g"] == "apidiscovery.k8s.io" && range.parameters["v"] == "v2"
    }

    init(catalogue: ResourceCatalogue) {
        let addresses: JSONValue = [["clientCIDR": "0.0.0.0/0", "serverAddress": ""]]
        coreVersions = ["kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses]
        var groups: [String: JSONValue] = [:]
        var listed: [JSONValue] = []
        var resources: [String: JSONValue] = [:]
        for (group, version) in catalogue.groupVersions + Self.announced {
            let served = catalogue.resources.filter { $0.kind.group == group && $0.kind.version == version }
            let groupVersion = group.isEmpty ? version : "\(group)/\(version)"
            resources["\(group)/\(version)"] = [
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(groupVersion),
                "resources": .array(served.flatMap(Self.entries)),
            ]
            guard !group.isEmpty else { continue }
            let preferred: JSONValue = ["groupVersion": .string(groupVersion), "version": .string(version)]
            let entry: JSONValue = [
                "name": .string(group), "versions": [preferred], "preferredVersion": preferred,
            ]
            listed.append(entry)
            var whole: JSONObject = ["kind": "APIGroup", "apiVersion": "v1"]
            for (key, value) in entry.objectValue ?? JSONObject() { whole[key] = value }
            groups[group] = .object(whole)
        }
        groupList = ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(listed)]
        self.groups = groups
        self.resources = resources
        aggregatedCore = Self.aggregated(catalogue, isCore: true)
        aggregatedGroups = Self.aggregated(catalogue, isCore: false)
    }

    private static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }

    /// A resource and its subresources, as `APIResource`s.
    private static func entries(_ resource: ServedResource) -> [JSONValue] {
        var entry: JSONObject = [
            "name": .string(resource.plural), "singularName": .string(resource.facts.singular),
            "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind.kind),
            "verbs": strings(resource.verbs.map(\.rawValue)),
        ]
        if !resource.facts.shortNames.isEmpty { entry["shortNames"] = strings(resource.facts.shortNames) }
        if !resource.facts.categories.isEmpty { entry["categories"] = strings(resource.facts.categories) }
        let parts = resource.subresources.sorted { $0.key < $1.key }.map { name, verbs -> JSONValue in
            let kind = responseKind(resource, name)
            var entry: JSONObject = [
                "name": .string("\(resource.plural)/\(name)"), "singularName": "",
                "namespaced": .bool(resource.isNamespaced), "kind": .string(kind.kind),
                "verbs": strings(verbs.map(\.rawValue)),
            ]
            if kind.apiVersion != resource.kind.apiVersion {
                entry["group"] = .string(kind.group)
                entry["version"] = .string(kind.version)
            }
            return .object(entry)
        }
        return [.object(entry)] + parts
    }

    /// The kind that a subresource is about.
    static func responseKind(_ resource: ServedResource, _ subresource: String) -> GroupVersionKind {
        switch subresource {
        case "scale": GroupVersionKind(group: "autoscaling", version: "v1", kind: "Scale")
        case "eviction": GroupVersionKind(group: "policy", version: "v1", kind: "Eviction")
        case "binding": GroupVersionKind(group: "", version: "v1", kind: "Binding")
        case "token": TokenRequest.groupVersionKind
        case "proxy": GroupVersionKind(group: "", version: "v1", kind: "NodeProxyOptions")
        default: resource.kind
        }
    }

    // MARK: Aggregated

    private static func aggregated(_ catalogue: ResourceCatalogue, isCore: Bool) -> JSONValue {
        let items: [JSONValue] = catalogue.groupVersions.filter { $0.group.isEmpty == isCore }.map { group, version in
            let served = catalogue.resources.filter { $0.kind.group == group && $0.kind.version == version }
            var metadata = JSONObject()
            if !group.isEmpty { metadata["name"] = .string(group) }
            return [
                "metadata": .object(metadata),
                "versions": [
                    [
                        "version": .string(version), "resources": .array(served.map(aggregatedEntry)),
                        "freshness": "Current",
                    ]
                ],
            ]
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": .object(JSONObject()), "items": .array(items),
        ]
    }

    private static func aggregatedEntry(_ resource: ServedResource) -> JSONValue {
        func kind(_ kind: GroupVersionKind) -> JSONValue {
            // The group version of the list it stands in is not repeated.
            let isSame = kind.apiVersion == resource.kind.apiVersion
            return [
                "group": .string(isSame ? "" : kind.group), "version": .string(isSame ? "" : kind.version),
                "kind": .string(kind.kind),
            ]
        }
        var entry: JSONObject = [
            "resource": .string(resource.plural), "responseKind": kind(resource.kind),
            "scope": resource.isNamespaced ? "Namespaced" : "Cluster",
            "singularResource": .string(resource.facts.singular),
            "verbs": strings(resource.verbs.map(\.rawValue)),
        ]
        if !resource.facts.shortNames.isEmpty { entry["shortNames"] = strings(resource.facts.shortNames) }
        if !resource.facts.categories.isEmpty { entry["categories"] = strings(resource.facts.categories) }
        if !resource.subresources.isEmpty {
            entry["subresources"] = .array(
                resource.subresources.sorted { $0.key < $1.key }.map { name, verbs in
                    [
                        "subresource": .string(name), "responseKind": kind(responseKind(resource, name)),
                        "verbs": strings(verbs.map(\.rawValue)),
                    ]
                })
        }
        return .object(entry)
    }
}
