import KubernetesAPI

/// Which objects of a namespace a list or watch is about.
struct Selection: Sendable {
    private let labels: LabelMatcher
    private let fields: FieldMatcher

    static let everything = Selection(labels: .everything, fields: .everything)

    private init(labels: LabelMatcher, fields: FieldMatcher) {
        self.labels = labels
        self.fields = fields
    }

    init(_ options: RequestOptions, of kind: GroupVersionKind) throws {
        do throws(SelectorError) {
            labels = try options.labelSelector.isEmpty ? .everything : LabelMatcher(parsing: options.labelSelector)
            fields =
                try options.fieldSelector.isEmpty
                ? .everything : FieldMatcher(parsing: options.fieldSelector, kind: kind)
        } catch {
            throw APIError(error)
        }
    }

    var isEverything: Bool { labels.isEmpty && fields.isEmpty }
    /// The one name that can match, where the selector says so.
    var exactName: String? { fields.exactName }

    func matches(_ object: StoredObject) -> Bool {
        guard !isEverything else { return true }
        let value = object.value
        if !labels.isEmpty {
            var found: [String: String] = [:]
            for (key, text) in value[path: "metadata", "labels"]?.objectValue ?? JSONObject() {
                found[key] = text.stringValue
            }
            guard labels.matches(found) else { return false }
        }
        return fields.matches(value)
    }
}
