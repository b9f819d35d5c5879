import KubernetesAPI

/// A resource that this server serves: its description with what follows from it.
struct ServedResource: Sendable, Hashable {
    typealias Verb = APIRequest.Verb

    let served: Schema.ServedKind
    /// Where the store keeps the objects: `pods`, `deployments.apps`.
    let collection: String

    init(_ served: Schema.ServedKind) {
        self.served = served
        let stored = served.storedAs.flatMap { Schema.shared.resource(of: $0) } ?? served.resource
        collection = Self.qualifiedName(stored)
    }

    var facts: Schema.Resource { served.resource }
    var kind: GroupVersionKind { facts.kind }
    var plural: String { facts.plural }
    var isNamespaced: Bool { facts.namespaced }
    var subresources: [String: [Verb]] { served.subresources }
    var hasStatus: Bool { subresources["status"] != nil }
    var generation: Schema.ServedKind.Generation { served.generation }
    var origin: Schema.ServedKind.Origin { served.origin }
    var verbs: [Verb] { served.verbs }
    /// Whether answers wait until the disk has the change.
    var isDurable: Bool { !served.isExpendable }
    /// Whether the objects are those of another resource, under another name.
    var isAlias: Bool { served.storedAs != nil }

    /// The name in messages: `pods`, `deployments.apps`.
    var qualifiedName: String { Self.qualifiedName(facts) }

    /// Whether `managedFields` are kept from an object's creation on; else from the first apply. Events are many, written
    /// by the system alone, and gone within the hour.
    var tracksManagers: Bool { isDurable }

    private static func qualifiedName(_ resource: Schema.Resource) -> String {
        resource.kind.group.isEmpty ? resource.plural : "\(resource.plural).\(resource.kind.group)"
    }

    // MARK: Two names for the same objects

    /// A stored object as one of this resource.
    func presented(_ object: StoredObject) -> StoredObject {
        // What is stored was validated, and can be read.
        guard isAlias, let value = try? Kinds.present(object.value, as: kind) else { return object }
        return StoredObject(
            collection: object.collection, key: object.key, resourceVersion: object.resourceVersion,
            writtenAt: object.writtenAt, bytes: value.bytes, value: value)
    }

    /// A change of a stored object as one of an object of this resource.
    func presented(_ event: StoreEvent) -> StoreEvent {
        guard isAlias else { return event }
        return StoreEvent(
            kind: event.kind, object: presented(event.object), previous: event.previous.map { presented($0) })
    }

    /// An object of this resource as it is stored.
    func stored(_ value: JSONValue) throws(APIError) -> JSONValue {
        guard isAlias else { return value }
        do {
            return try Kinds.stored(value, of: kind)
        } catch {
            throw .undecodable(kind, "\(error)")
        }
    }
}

/// The resources that have a working implementation here; discovery, OpenAPI and routing know no others.
struct ResourceCatalogue: Sendable {
    static let shared = ResourceCatalogue()

    /// In discovery's order: the core group by name, then the other groups.
    let resources: [ServedResource]
    private let byPath: [String: ServedResource]

    private init() {
        resources = Schema.shared.served.map(ServedResource.init)
        byPath = Dictionary(
            resources.map { (Self.path($0.kind.group, $0.kind.version, $0.plural), $0) }
        ) { first, _ in first }
    }

    private static func path(_ group: String, _ version: String, _ plural: String) -> String {
        "\(group)/\(version)/\(plural)"
    }

    func resource(group: String, version: String, plural: String) -> ServedResource? {
        byPath[Self.path(group, version, plural)]
    }

    /// Those whose objects are stored, and so can be listed, watched and deleted; each object under one name only.
    var stored: [ServedResource] { resources.filter { $0.origin == .store && !$0.isAlias } }

    func resource(of kind: GroupVersionKind) -> ServedResource? { resources.first { $0.kind == kind } }

    /// The group versions, the core group first: `v1`, `apps/v1`, ...
    var groupVersions: [(group: String, version: String)] {
        var seen: Set<String> = []
        return resources.compactMap {
            seen.insert($0.kind.apiVersion).inserted ? ($0.kind.group, $0.kind.version) : nil
        }
    }
}
