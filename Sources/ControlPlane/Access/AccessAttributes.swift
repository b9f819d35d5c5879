import KubernetesAPI

/// What somebody wants to do, in the terms of authorization.
struct AccessAttributes: Sendable, Hashable {
    /// `get`, `list`, `impersonate`, ...; of a path the HTTP method in lower case.
    var verb: String
    var group = ""
    /// Plural; empty where a path is meant.
    var resource = ""
    var subresource = ""
    /// Empty at the cluster's scope.
    var namespace = ""
    /// Empty where no single object is meant.
    var name = ""
    /// The URL's path where it is not about a resource.
    var path = ""

    var isResource: Bool { path.isEmpty }
    /// `pods/log`: how rules name it.
    var resourcePath: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

    /// 403 in Kubernetes' words (apiserver `responsewriters.Forbidden`).
    ///
    /// - Parameter reason: what stood in the way of a decision, e.g. a role that is not there; mostly empty.
    func refusal(of user: User, because reason: String) -> APIError {
        var sentence: String
        guard isResource else {
            sentence = "User \(user.name.quoted) cannot \(verb) path \(path.quoted)"
            if !reason.isEmpty { sentence += ": \(reason)" }
            return APIError(
                code: 403, reason: .forbidden, message: "forbidden: \(sentence)", details: StatusDetails())
        }
        sentence =
            "User \(user.name.quoted) cannot \(verb) resource \(resourcePath.quoted) in API group \(group.quoted)"
        sentence += namespace.isEmpty ? " at the cluster scope" : " in the namespace \(namespace.quoted)"
        if !reason.isEmpty { sentence += ": \(reason)" }
        var details = StatusDetails()
        details.name = name
        details.group = group
        details.kind = resource
        let qualified = group.isEmpty ? resource : "\(resource).\(group)"
        let object = name.isEmpty ? qualified : "\(qualified) \(name.quoted)"
        return APIError(
            code: 403, reason: .forbidden, message: "\(object) is forbidden: \(sentence)", details: details)
    }
}

extension AccessAttributes {
    init(_ attributes: ResourceAttributes) {
        self.init(
            verb: attributes.verb, group: attributes.group, resource: attributes.resource,
            subresource: attributes.subresource, namespace: attributes.namespace, name: attributes.name)
    }

    init(_ attributes: NonResourceAttributes) { self.init(verb: attributes.verb, path: attributes.path) }
}

extension String {
    /// In double quotes, as Go's `%q` writes names.
    var quoted: String { JSONValue.string(self).text }
}

extension [String] {
    /// `["a" "b"]`, as Go's `%q` writes a list.
    var quoted: String { "[\(map(\.quoted).joined(separator: " "))]" }
}
