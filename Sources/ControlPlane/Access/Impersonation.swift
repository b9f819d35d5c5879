import HTTPTypes
import KubernetesAPI

/// Acting as somebody else: `Impersonate-User`, `-Group`, `-Uid` and `-Extra-*` (apiserver
/// `filters/impersonation.go`). Each of them needs the verb `impersonate`.
struct Impersonation: Sendable {
    private static let prefix = "impersonate-"
    private static let group = "authentication.k8s.io"

    private var name = ""
    private var uid = ""
    private var groups: [String] = []
    private var extra: [String: [String]] = [:]

    /// Nil where nobody is to be impersonated. Throws where it does not say who.
    init?(_ headers: HTTPFields) throws(APIError) {
        for field in headers {
            let header = field.name.canonicalName
            guard header.hasPrefix(Self.prefix), !field.value.isEmpty else { continue }
            switch header.dropFirst(Self.prefix.count) {
            case "user": name = field.value
            case "uid": uid = field.value
            case "group": groups.append(field.value)
            case let key where key.hasPrefix("extra-"):
                // Keys with a slash come percent-encoded.
                let key = String(key.dropFirst("extra-".count))
                extra[key.removingPercentEncoding ?? key, default: []].append(field.value)
            default: continue
            }
        }
        guard name.isEmpty else { return }
        guard uid.isEmpty, groups.isEmpty, extra.isEmpty else {
            throw .internalError("requested to impersonate groups, a uid or extra without impersonating a user")
        }
        return nil
    }

    /// Who then asks. Throws 403 where `user` may not do that.
    func apply(for user: User, _ authorizer: Authorizer) throws(APIError) -> User {
        let account = ServiceAccountUser.account(name)
        var wanted: [AccessAttributes] = []
        if let account {
            wanted.append(
                AccessAttributes(
                    verb: "impersonate", resource: "serviceaccounts", namespace: account.namespace, name: account.name))
        } else {
            wanted.append(AccessAttributes(verb: "impersonate", resource: "users", name: name))
        }
        wanted += groups.map { AccessAttributes(verb: "impersonate", resource: "groups", name: $0) }
        if !uid.isEmpty {
            wanted.append(AccessAttributes(verb: "impersonate", group: Self.group, resource: "uids", name: uid))
        }
        for (key, values) in extra.sorted(by: { $0.key < $1.key }) {
            wanted += values.map { value in
                AccessAttributes(
                    verb: "impersonate", group: Self.group, resource: "userextras", subresource: key, name: value)
            }
        }
        for attributes in wanted {
            let decision = authorizer.decide(attributes, for: user)
            guard decision.isAllowed else { throw attributes.refusal(of: user, because: decision.reason) }
        }
        var groups = groups
        if groups.isEmpty, let account { groups = ServiceAccountUser.groups(of: account.namespace) }
        let standard = name == User.anonymous.name ? User.unauthenticated : User.authenticated
        if !groups.contains(standard) { groups.append(standard) }
        return User(name: name, uid: uid, groups: groups, extra: extra)
    }
}
