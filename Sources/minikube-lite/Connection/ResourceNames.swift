import KubernetesAPI

/// A resource by what people call it: `pods`, `po`, `Deployment`, `deployments.apps`.
enum ResourceNames {
    /// Throws with kubectl's words where there is no such resource.
    static func resource(_ text: String) throws(CommandFailure) -> Schema.Resource {
        guard let found = find(text) else {
            throw CommandFailure("error: the server doesn't have a resource type \"\(text)\"")
        }
        return found
    }

    /// The resources of a list such as `pods,deploy` or of the category `all`.
    static func resources(_ text: String) throws(CommandFailure) -> [Schema.Resource] {
        var result: [Schema.Resource] = []
        for word in text.split(separator: ",").map(String.init) {
            let category = served.filter { $0.categories.contains(word) }
            result += category.isEmpty ? [try resource(word)] : category
        }
        return result
    }

    /// `deployment.apps`, `pod`: how kubectl names an object's kind before a slash.
    static func prefix(_ kind: GroupVersionKind) -> String {
        let name = kind.kind.lowercased()
        return kind.group.isEmpty ? name : "\(name).\(kind.group)"
    }

    private static let served: [Schema.Resource] = generatedKinds.compactMap {
        Schema.shared.resource(of: $0.groupVersionKind)
    }

    private static func find(_ text: String) -> Schema.Resource? {
        let word = text.lowercased()
        let name = String(word.prefix { $0 != "." })
        let group = name.count < word.count ? String(word.dropFirst(name.count + 1)) : nil
        func matches(_ resource: Schema.Resource) -> Bool {
            guard group == nil || group == resource.kind.group else { return false }
            return resource.plural == name || resource.singular == name || resource.kind.kind.lowercased() == name
                || resource.shortNames.contains(name)
        }
        // What this server has comes before what other servers have.
        return served.first(where: matches) ?? Schema.shared.resources.first(where: matches)
    }
}

/// What a command is about: `TYPE NAME...`, `TYPE/NAME...` or only types.
struct ResourceSelection: Hashable {
    struct Item: Hashable {
        var resource: Schema.Resource
        /// Nil: all of them.
        var name: String?
    }
    var items: [Item]

    /// Reads the words of a command line. Throws `CommandFailure` with code 64 where they make no sense.
    init(_ words: [String]) throws {
        guard let first = words.first else {
            throw CommandFailure("error: name a resource, e.g. \"pods\" or \"deployment/web\"", code: .usage)
        }
        if words.contains(where: { $0.contains("/") }) {
            items = try words.map { word in
                let parts = word.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                    throw CommandFailure("error: \"\(word)\" has to be of the form TYPE/NAME", code: .usage)
                }
                return Item(resource: try ResourceNames.resource(parts[0]), name: parts[1])
            }
            return
        }
        let resources = try ResourceNames.resources(first)
        let names = words.dropFirst()
        guard !names.isEmpty else {
            items = resources.map { Item(resource: $0) }
            return
        }
        items = resources.flatMap { resource in names.map { Item(resource: resource, name: $0) } }
    }

    /// Exactly the named objects; throws where a type stands without a name.
    func named() throws(CommandFailure) -> [(resource: Schema.Resource, name: String)] {
        var result: [(resource: Schema.Resource, name: String)] = []
        for item in items {
            guard let name = item.name else {
                throw CommandFailure("error: name the \(item.resource.singular) as well", code: .usage)
            }
            result.append((item.resource, name))
        }
        return result
    }
}
