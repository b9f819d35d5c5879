import KubernetesAPI

/// A resource that this server serves, with what differs from one to the next.
struct ServedResource: Sendable, Hashable {
    typealias Verb = APIRequest.Verb

    /// What counts as a change of intent, for `metadata.generation`.
    enum Generation: Sendable {
        case none
        case spec
        /// Deployments: a change of the annotations counts, too.
        case specAndAnnotations
        /// EndpointSlices: they have no spec, and all of them but the metadata counts.
        case anything
    }

    /// Where objects come from.
    enum Origin: Sendable {
        case store
        /// From the node agent, whenever they are asked for.
        case node
        /// Questions, which are answered and not stored.
        case review
    }

    let facts: Schema.Resource
    /// Served parts of an object: the subresource's name to its verbs.
    let subresources: [String: [Verb]]
    let generation: Generation
    /// Whether answers wait until the disk has the change.
    let isDurable: Bool
    let origin: Origin

    var kind: GroupVersionKind { facts.kind }
    var plural: String { facts.plural }
    var isNamespaced: Bool { facts.namespaced }
    var hasStatus: Bool { subresources["status"] != nil }

    /// The name in messages and in the store: `pods`, `deployments.apps`.
    var qualifiedName: String { kind.group.isEmpty ? plural : "\(plural).\(kind.group)" }

    /// The verbs of whole objects, as discovery lists them.
    var verbs: [Verb] {
        switch origin {
        case .store: [.create, .delete, .deletecollection, .get, .list, .patch, .update, .watch]
        case .node: [.get, .list]
        case .review: [.create]
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
        let status: [ServedResource.Verb] = [.get, .patch, .update]
        let served: [(String, String, [String: [ServedResource.Verb]], ServedResource.Generation)] = [
            ("", "ConfigMap", [:], .none),
            ("", "Endpoints", [:], .none),
            ("", "Event", [:], .none),
            ("", "Namespace", ["finalize": [.update], "status": status], .none),
            ("", "Node", ["proxy": [.get], "status": status], .none),
            (
                "", "Pod",
                [
                    "binding": [.create], "eviction": [.create], "log": [.get], "resize": status, "status": status,
                ], .spec
            ),
            ("", "Secret", [:], .none),
            ("", "Service", ["status": status], .none),
            ("", "ServiceAccount", ["token": [.create]], .none),
            ("apps", "Deployment", ["scale": status, "status": status], .specAndAnnotations),
            ("apps", "ReplicaSet", ["scale": status, "status": status], .spec),
            ("coordination.k8s.io", "Lease", [:], .none),
            ("discovery.k8s.io", "EndpointSlice", [:], .anything),
            (RoleRef.group, "ClusterRole", [:], .none),
            (RoleRef.group, "ClusterRoleBinding", [:], .none),
            (RoleRef.group, "Role", [:], .none),
            (RoleRef.group, "RoleBinding", [:], .none),
        ]
        let stored = served.compactMap { group, kind, subresources, generation in
            let kind = GroupVersionKind(group: group, version: "v1", kind: kind)
            return Schema.shared.resource(of: kind).map {
                ServedResource(
                    facts: $0, subresources: subresources, generation: generation, isDurable: kind.kind != "Event",
                    origin: .store)
            }
        }
        let usage = [NodeMetrics.groupVersionKind, PodMetrics.groupVersionKind].compactMap { kind in
            Schema.shared.resource(of: kind).map {
                ServedResource(facts: $0, subresources: [:], generation: .none, isDurable: false, origin: .node)
            }
        }
        let reviews = [
            TokenReview.groupVersionKind, SelfSubjectReview.groupVersionKind, SubjectAccessReview.groupVersionKind,
            LocalSubjectAccessReview.groupVersionKind, SelfSubjectAccessReview.groupVersionKind,
            SelfSubjectRulesReview.groupVersionKind,
        ].compactMap { kind in
            Schema.shared.resource(of: kind).map {
                ServedResource(facts: $0, subresources: [:], generation: .none, isDurable: false, origin: .review)
            }
        }
        resources = stored + usage + reviews
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

    /// Those whose objects are stored, and so can be listed, watched and deleted.
    var stored: [ServedResource] { resources.filter { $0.origin == .store } }

    func resource(of kind: GroupVersionKind) -> ServedResource? { resources.first { $0.kind == kind } }

    /// The group versions, the core group first: `v1`, `apps/v1`, ...
    var groupVersions: [(group: String, version: String)] {
        var seen: Set<String> = []
        return resources.compactMap {
            seen.insert($0.kind.apiVersion).inserted ? ($0.kind.group, $0.kind.version) : nil
        }
    }
}
