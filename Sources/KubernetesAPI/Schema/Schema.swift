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
    private let byKind: [GroupVersionKind: Int]
    /// Named types: `core.v1.Pod` to its facts.
    let types: JSONObject
    let aliases: JSONObject

    private init() {
        // The text is generated and checked by a unit test: it parses.
        let description = (try? JSONParser.parse(kubernetesAPIDescription.utf8)) ?? .null
        types = description["types"]?.objectValue ?? JSONObject()
        aliases = description["aliases"]?.objectValue ?? JSONObject()
        var resources: [Resource] = []
        for (_, facts) in description["kinds"]?.objectValue ?? JSONObject() {
            func strings(_ key: String) -> [String] { facts[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
            resources.append(
                Resource(
                    kind: GroupVersionKind(
                        group: facts["group"]?.stringValue ?? "", version: facts["version"]?.stringValue ?? "",
                        kind: facts["kind"]?.stringValue ?? ""),
                    plural: facts["plural"]?.stringValue ?? "", singular: facts["singular"]?.stringValue ?? "",
                    shortNames: strings("shortNames"), categories: strings("categories"),
                    namespaced: facts["namespaced"]?.boolValue ?? true, subresources: strings("subresources")))
        }
        self.resources = resources
        byKind = Dictionary(
            resources.enumerated().map { ($0.element.kind, $0.offset) }, uniquingKeysWith: { first, _ in first })
    }

    public func resource(of kind: GroupVersionKind) -> Resource? { byKind[kind].map { resources[$0] } }
}
