import KubernetesAPI

/// RBAC's rules (`pkg/apis/rbac/v1/evaluation_helpers.go`, `component-helpers/auth/rbac/validation`).
extension PolicyRule {
    /// Whether the rule allows something.
    func allows(_ attributes: AccessAttributes) -> Bool {
        guard Self.matches(verbs, attributes.verb) else { return false }
        guard attributes.isResource else { return nonResourceURLs.contains { Self.path($0, covers: attributes.path) } }
        return Self.matches(apiGroups, attributes.group)
            && resources.contains { Self.resource($0, covers: attributes.resource, attributes.subresource) }
            && (resourceNames.isEmpty || resourceNames.contains(attributes.name))
    }

    private static func matches(_ values: [String], _ value: String) -> Bool {
        values.contains { $0 == "*" || $0 == value }
    }

    /// `pods`, `pods/log`, `*/scale` or `*`.
    private static func resource(_ pattern: String, covers resource: String, _ subresource: String) -> Bool {
        if pattern == "*" { return true }
        if subresource.isEmpty { return pattern == resource }
        guard pattern.utf8.count > subresource.utf8.count, pattern.hasSuffix(subresource) else { return false }
        let owner = pattern.dropLast(subresource.count)
        guard owner.hasSuffix("/") else { return false }
        return owner.dropLast() == resource || owner == "*/"
    }

    /// A path, or its beginning where the pattern ends in a star.
    private static func path(_ pattern: String, covers path: String) -> Bool {
        pattern == "*" || pattern == path || pattern.hasSuffix("*") && path.hasPrefix(pattern.dropLast())
    }

    // MARK: Comparing rules

    /// The rule as rules of one group, one resource and one verb each (and one name, where there are any), or of one
    /// path and one verb.
    var parts: [PolicyRule] {
        var parts: [PolicyRule] = []
        for verb in verbs {
            for group in apiGroups {
                for resource in resources {
                    for name in resourceNames.isEmpty ? [nil] : resourceNames.map(Optional.some) {
                        var part = PolicyRule()
                        part.verbs = [verb]
                        part.apiGroups = [group]
                        part.resources = [resource]
                        part.resourceNames = name.map { [$0] } ?? []
                        parts.append(part)
                    }
                }
            }
            for url in nonResourceURLs {
                var part = PolicyRule()
                part.verbs = [verb]
                part.nonResourceURLs = [url]
                parts.append(part)
            }
        }
        return parts
    }

    /// Whether this rule grants all that another one does, which is one of somebody's `parts`.
    func covers(_ part: PolicyRule) -> Bool {
        guard part.verbs.allSatisfy({ Self.matches(verbs, $0) }) else { return false }
        guard part.nonResourceURLs.isEmpty else {
            return part.nonResourceURLs.allSatisfy { url in
                nonResourceURLs.contains { Self.path($0, covers: url) }
            }
        }
        let names = resourceNames
        return part.apiGroups.allSatisfy { Self.matches(apiGroups, $0) }
            && part.resources.allSatisfy { resource in
                let (name, subresource) = Self.split(resource)
                return resources.contains { $0 == resource || Self.resource($0, covers: name, subresource) }
            }
            && (names.isEmpty || !part.resourceNames.isEmpty && part.resourceNames.allSatisfy(names.contains))
    }

    private static func split(_ resource: String) -> (name: String, subresource: String) {
        guard let slash = resource.firstIndex(of: "/") else { return (resource, "") }
        return (String(resource[..<slash]), String(resource[resource.index(after: slash)...]))
    }

    /// As in refusals: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`.
    var compactText: String {
        let members = [
            ("APIGroups", apiGroups), ("Resources", resources), ("NonResourceURLs", nonResourceURLs),
            ("ResourceNames", resourceNames), ("Verbs", verbs),
        ].filter { !$0.1.isEmpty }
        return "{\(members.map { "\($0.0):\($0.1.quoted)" }.joined(separator: ", "))}"
    }
}

extension [PolicyRule] {
    /// The parts of other rules that none of these covers.
    func missing(from wanted: [PolicyRule]) -> [PolicyRule] {
        wanted.flatMap(\.parts).filter { part in !contains { $0.covers(part) } }
    }

    /// The same grants in fewer rules: what differs in the verb only is one rule. For parts.
    var compacted: [PolicyRule] {
        var rules: [PolicyRule] = []
        var places: [PolicyRule: Int] = [:]
        for rule in self {
            var key = rule
            key.verbs = []
            if let place = places[key] {
                for verb in rule.verbs where !rules[place].verbs.contains(verb) { rules[place].verbs.append(verb) }
            } else {
                places[key] = rules.count
                rules.append(rule)
            }
        }
        return rules
    }
}
