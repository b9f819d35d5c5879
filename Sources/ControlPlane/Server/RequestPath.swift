import HTTPTypes
import KubernetesAPI

/// A URL's path and query, taken apart.
struct RequestPath: Sendable, Hashable {
    /// The components, percent-decoded.
    let components: [String]
    let query: [String: String]

    /// Nil where the percent encoding is broken.
    init?(_ target: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var components: [String] = []
        for component in parts[0].split(separator: "/") {
            guard let text = Self.decode(component.utf8, plusIsSpace: false) else { return nil }
            components.append(text)
        }
        var query: [String: String] = [:]
        for pair in parts.count == 2 ? parts[1].split(separator: "&") : [] {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(sides[0].utf8, plusIsSpace: true),
                let value = sides.count == 2 ? Self.decode(sides[1].utf8, plusIsSpace: true) : ""
            else { return nil }
            if query[name] == nil { query[name] = value }
        }
        self.components = components
        self.query = query
    }

    var text: String { "/" + components.joined(separator: "/") }

    private static func decode(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
        guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(Substring(text))
        }
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }

    /// What a path says about objects: `/api/v1/namespaces/default/pods/web/log`.
    struct Objects: Sendable, Hashable {
        var group: String
        var version: String
        var plural: String
        var namespace = ""
        var name = ""
        var subresource = ""
        /// What follows the subresource `proxy`.
        var subpath = ""
    }

    /// What a method means on objects; nil where it means nothing.
    func verb(_ method: HTTPRequest.Method, of objects: Objects) -> APIRequest.Verb? {
        switch method {
        case .get where objects.name.isEmpty: query["watch"].map(RequestOptions.isSet) == true ? .watch : .list
        case .get: .get
        case .post: .create
        case .put: .update
        case .patch: .patch
        case .delete: objects.name.isEmpty ? .deletecollection : .delete
        default: nil
        }
    }

    /// Nil where the path is not about objects.
    var objects: Objects? {
        var rest = components[...]
        let group: String
        switch rest.popFirst() {
        case "api": group = ""
        case "apis":
            guard let named = rest.popFirst() else { return nil }
            group = named
        default: return nil
        }
        guard let version = rest.popFirst(), !rest.isEmpty else { return nil }
        var namespace = ""
        // `namespaces/x`, `namespaces/x/status` and `/finalize` are about the namespace, the rest about what is in it.
        if rest.first == "namespaces", rest.count >= 3,
            !(rest.count == 3 && group.isEmpty && ["status", "finalize"].contains(rest.last))
        {
            rest.removeFirst()
            namespace = rest.removeFirst()
        }
        guard let plural = rest.popFirst() else { return nil }
        let name = rest.popFirst() ?? ""
        let subresource = rest.popFirst() ?? ""
        guard rest.isEmpty || subresource == "proxy" else { return nil }
        return Objects(
            group: group, version: version, plural: plural, namespace: namespace, name: name,
            subresource: subresource, subpath: rest.joined(separator: "/"))
    }
}

extension AccessAttributes {
    /// What a request asks for (apiserver `request.RequestInfo`).
    init(_ path: RequestPath, _ method: HTTPRequest.Method) {
        guard let objects = path.objects else {
            self.init(verb: method.rawValue.lowercased(), path: path.text)
            return
        }
        let verb = path.verb(method, of: objects)
        self.init(
            verb: verb?.rawValue ?? method.rawValue.lowercased(), group: objects.group, resource: objects.plural,
            subresource: objects.subresource, namespace: objects.namespace, name: objects.name)
        // A namespace is in itself: whoever may see it there need not be allowed to see all.
        if group.isEmpty, resource == "namespaces" { namespace = name }
        if verb == .list || verb == .watch, let selector = path.query["fieldSelector"], !selector.isEmpty {
            let kind = GroupVersionKind(group: objects.group, version: objects.version, kind: "")
            name = (try? FieldMatcher(parsing: selector, kind: kind))?.exactName ?? ""
        }
    }
}
