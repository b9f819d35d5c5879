import KubernetesAPI

/// Objects by namespace and label, so that what a selector selects is found without a look at everything else.
struct LabelIndex: Sendable {
    private struct Pair: Sendable, Hashable {
        var namespace: String
        var key: String
        var value: String
    }

    private var entries: [Pair: Set<ObjectKey>] = [:]

    mutating func insert(_ key: ObjectKey, labels: [String: String]) {
        for (name, value) in labels {
            entries[Pair(namespace: key.namespace, key: name, value: value), default: []].insert(key)
        }
    }

    mutating func remove(_ key: ObjectKey, labels: [String: String]) {
        for (name, value) in labels {
            let pair = Pair(namespace: key.namespace, key: name, value: value)
            entries[pair]?.remove(key)
            if entries[pair]?.isEmpty == true { entries[pair] = nil }
        }
    }

    /// The objects that have all of the labels; none for no labels, which select nothing.
    func objects(in namespace: String, with labels: [String: String]) -> Set<ObjectKey> {
        var found: [Set<ObjectKey>] = []
        for (name, value) in labels {
            guard let objects = entries[Pair(namespace: namespace, key: name, value: value)] else { return [] }
            found.append(objects)
        }
        found.sort { $0.count < $1.count }
        guard var common = found.first else { return [] }
        for more in found.dropFirst() { common.formIntersection(more) }
        return common
    }

    /// The objects that have any of the labels.
    func objects(in namespace: String, withAnyOf labels: [String: String]) -> Set<ObjectKey> {
        labels.reduce(into: []) { found, label in
            found.formUnion(entries[Pair(namespace: namespace, key: label.key, value: label.value)] ?? [])
        }
    }
}
