extension Schema {
    /// How one kind is served: its entry in `api/served-kinds.json`. Everything that differs from one kind to the next
    /// and is not code is here; `docs/new-kind.md` says what else a kind has.
    public struct ServedKind: Sendable, Hashable {
        /// What counts as a change of intent, for `metadata.generation`.
        public enum Generation: String, Sendable {
            case none
            case spec
            /// Deployments: a change of the annotations counts, too.
            case specAndAnnotations
            /// EndpointSlices: they have no spec, and all of them but the metadata counts.
            case anything
        }

        /// Where objects come from.
        public enum Origin: String, Sendable {
            case store
            /// From the node agent, whenever they are asked for.
            case node
            /// Questions, which are answered and not stored.
            case review
        }

        /// One of the roles for users that Kubernetes begins with; each may what those before it may.
        public enum UserRole: String, Sendable, CaseIterable {
            case view, edit, admin
        }

        /// The kind itself, with its names.
        public let resource: Resource
        public let origin: Origin
        public let generation: Generation
        /// Served parts of an object: the subresource's name to its verbs.
        public let subresources: [String: [APIRequest.Verb]]
        /// What a field selector may name besides name and namespace.
        public let selectableFields: Set<String>
        /// The least role whose members read the objects, their counts, states and logs; nil leaves it to
        /// administrators of the cluster.
        public let readableBy: UserRole?
        /// The least role whose members write the objects and their counts.
        public let writableBy: UserRole?
        /// Whether objects may be lost in a crash (events): answers do not wait for the disk, and nobody follows them
        /// as an owner or dependent.
        public let isExpendable: Bool
        /// The kind as which objects are stored, where that is another one: the same objects under two names.
        public let storedAs: GroupVersionKind?
        /// Whether deletion leaves the objects' dependents where the request does not say what becomes of them: the
        /// first version of the API did so (`rest.OrphanDependents`).
        public let orphansDependents: Bool
        /// What every answer warns of, where Kubernetes asks for another kind to be used.
        public let deprecation: String?
    }
}

extension Schema.ServedKind {
    /// Reads an entry; nil where it names an unknown kind or says what there is not, which a unit test finds.
    init?(_ entry: JSONValue, names: [String: Schema.Resource]) {
        func strings(_ key: String) -> [String] { entry[key]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        func flag(_ key: String) -> Bool { entry[key]?.boolValue ?? false }
        guard let resource = names[entry["type"]?.stringValue ?? ""],
            let origin = Origin(rawValue: entry["origin"]?.stringValue ?? Origin.store.rawValue),
            let generation = Generation(rawValue: entry["generation"]?.stringValue ?? Generation.none.rawValue)
        else { return nil }
        var subresources: [String: [APIRequest.Verb]] = [:]
        for (name, verbs) in entry["subresources"]?.objectValue ?? JSONObject() {
            subresources[name] = verbs.arrayValue?.compactMap {
                $0.stringValue.flatMap(APIRequest.Verb.init(rawValue:))
            }
        }
        self.resource = resource
        self.origin = origin
        self.generation = generation
        self.subresources = subresources
        selectableFields = Set(strings("selectableFields"))
        readableBy = entry["readableBy"]?.stringValue.flatMap(UserRole.init(rawValue:))
        writableBy = entry["writableBy"]?.stringValue.flatMap(UserRole.init(rawValue:))
        isExpendable = flag("isExpendable")
        storedAs = entry["storedAs"]?.stringValue.flatMap { names[$0]?.kind }
        orphansDependents = flag("orphansDependents")
        deprecation = entry["deprecation"]?.stringValue
    }

    /// The verbs of whole objects, as discovery lists them.
    public var verbs: [APIRequest.Verb] {
        switch origin {
        case .store: [.create, .delete, .deletecollection, .get, .list, .patch, .update, .watch]
        case .node: [.get, .list]
        case .review: [.create]
        }
    }
}
