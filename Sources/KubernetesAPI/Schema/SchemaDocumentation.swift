/// One line of explanation for each structure and field of the API, for `kubectl explain`: what api/descriptions.txt
/// says. Read when it is first asked for; nothing but OpenAPI needs it.
public struct SchemaDocumentation: Sendable {
    public static let shared = SchemaDocumentation(kubernetesAPIDocumentation)

    private struct Entry {
        var description: String
        /// The entry that has what this one lacks.
        var parent: String
        var fields: [String: String] = [:]
    }

    private let entries: [String: Entry]

    /// - Parameter text: a line at the left is `TYPE: TEXT` or `TYPE < PARENT: TEXT`, an indented one is a field of it;
    ///   the type `*` has the fields that mean the same everywhere.
    init(_ text: String) {
        var entries: [String: Entry] = [:]
        var current = ""
        for line in text.split(separator: "\n") {
            guard let colon = line.range(of: ": ") else { continue }
            let head = line[..<colon.lowerBound]
            let description = String(line[colon.upperBound...])
            if head.hasPrefix("  ") {
                entries[current]?.fields[String(head.dropFirst(2))] = description
            } else {
                let names = head.split(separator: " < ", maxSplits: 1)
                current = names.first.map(String.init) ?? ""
                entries[current] = Entry(description: description, parent: names.count > 1 ? String(names[1]) : "")
            }
        }
        self.entries = entries
    }

    /// What a structure is; nil where nothing is written about it.
    public func description(of structure: Schema.Structure) -> String? { entry(of: structure.name)?.description }

    /// What a field means; nil where nothing is written about it.
    public func description(of field: Schema.Field, in structure: Schema.Structure) -> String? {
        switch field.name {
        case "apiVersion" where structure.hasTypeMeta: return "The group and version of the object's schema."
        case "kind" where structure.hasTypeMeta: return "The kind of the object."
        default: break
        }
        let own = entry(of: structure.name)
        // A field of a structure that Go inlines is described there, too.
        let candidates = [own, own.flatMap { entries[$0.parent] }, field.embeddedIn.flatMap(entry), entries["*"]]
        for case let candidate? in candidates {
            if let text = candidate.fields[field.name] { return text }
        }
        return nil
    }

    /// By the full name where two groups have a type of the name, else by the last part.
    private func entry(of name: String) -> Entry? {
        entries[name] ?? name.split(separator: ".").last.flatMap { entries[String($0)] }
    }
}
