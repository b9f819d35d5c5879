/// The API's types as data: what `Description.swift` says, in a form for strict decoding, patches, tables of
/// resources, OpenAPI and protobuf. Read once.
public struct Schema: Sendable {
    /// One resource of the API (a row of `kubectl api-resources`).
    public struct Resource: Sendable, Hashable {
        public var kind: GroupVersionKind
        public var plural: String
        public var singular: String
        public var shortNames: [String]
        public var categories: [String]
        public var namespaced: Bool
        public var subresources: [String]
    }

    public static let shared = Schema()

    /// Every resource of the description, whether this server serves it or not.
    public let resources: [Resource]
    /// The kinds that this server serves, in discovery's order: the core group, then the others.
    public let served: [ServedKind]
    /// Every structure of the description by its name, e.g. `core.v1.PodSpec`.
    public let structures: [String: Structure]
    private let byKind: [GroupVersionKind: Int]
    private let servedByKind: [GroupVersionKind: Int]
    private let names: [GroupVersionKind: String]

    private init() {
        // The text is generated and checked by a unit test: it parses.
        let description = (try? JSONParser.parse(kubernetesAPIDescription.utf8)) ?? .null
        structures = Self.readStructures(
            types: description["types"]?.objectValue ?? JSONObject(),
            aliases: description["aliases"]?.objectValue ?? JSONObject())
        var resources: [Resource] = []
        var names: [GroupVersionKind: String] = [:]
        var byName: [String: Resource] = [:]
        for (name, facts) in description["kinds"]?.objectValue ?? JSONObject() {
            func strings(_ key: String) -> [String] { facts[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
            let kind = GroupVersionKind(
                group: facts["group"]?.stringValue ?? "", version: facts["version"]?.stringValue ?? "",
                kind: facts["kind"]?.stringValue ?? "")
            names[kind] = name
            let resource = Resource(
                kind: kind, plural: facts["plural"]?.stringValue ?? "",
                singular: facts["singular"]?.stringValue ?? "",
                shortNames: strings("shortNames"), categories: strings("categories"),
                namespaced: facts["namespaced"]?.boolValue ?? true, subresources: strings("subresources"))
            resources.append(resource)
            byName[name] = resource
        }
        self.resources = resources
        served = description["served"]?.arrayValue?.compactMap { ServedKind($0, names: byName) } ?? []
        servedByKind = Dictionary(
            served.enumerated().map { ($0.element.resource.kind, $0.offset) }, uniquingKeysWith: { first, _ in first })
        self.names = names
        byKind = Dictionary(
            resources.enumerated().map { ($0.element.kind, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    public func resource(of kind: GroupVersionKind) -> Resource? { byKind[kind].map { resources[$0] } }

    /// How the kind is served; nil where it is not.
    public func served(_ kind: GroupVersionKind) -> ServedKind? { servedByKind[kind].map { served[$0] } }

    /// The structure of a kind: of a resource, or of what only requests and answers carry (`policy/v1` Eviction,
    /// `autoscaling/v1` Scale, DeleteOptions, ...).
    public func structure(of kind: GroupVersionKind) -> Structure? {
        if let name = names[kind] { return structures[name] }
        let group = kind.group.isEmpty ? "core" : kind.group.prefix { $0 != "." }
        return structures["\(group).\(kind.version).\(kind.kind)"] ?? structures["meta.v1.\(kind.kind)"]
    }
}
