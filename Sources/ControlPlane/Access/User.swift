import KubernetesAPI

/// Who asks.
struct User: Sendable, Hashable {
    static let administrators = "system:masters"
    static let authenticated = "system:authenticated"
    static let unauthenticated = "system:unauthenticated"
    /// The key in `extra` of what names the credential that was shown.
    static let credentialID = "authentication.kubernetes.io/credential-id"

    var name: String
    var uid = ""
    var groups: [String]
    /// What else is known, e.g. `authentication.kubernetes.io/pod-name` of a token that is bound to a pod.
    var extra: [String: [String]] = [:]

    /// The parts of this process: controllers and the node agent.
    static let thisProcess = User(name: "system:minikube-lite", groups: [administrators, authenticated])

    /// Who shows neither a certificate nor a token.
    static let anonymous = User(name: "system:anonymous", groups: [unauthenticated])

    var isAdministrator: Bool { groups.contains(Self.administrators) }

    /// As reviews answer it.
    var info: UserInfo {
        var info = UserInfo()
        info.username = name
        info.uid = uid
        info.groups = groups
        info.extra = extra
        return info
    }
}

/// The user that a service account is: `system:serviceaccount:NAMESPACE:NAME`.
enum ServiceAccountUser {
    private static let prefix = "system:serviceaccount:"

    static func name(_ account: ObjectKey) -> String { "\(prefix)\(account.namespace):\(account.name)" }

    static func groups(of namespace: String) -> [String] {
        ["system:serviceaccounts", "system:serviceaccounts:\(namespace)"]
    }

    /// The account that a user's name names; nil where it names none.
    static func account(_ user: String) -> ObjectKey? {
        guard user.hasPrefix(prefix) else { return nil }
        let parts = user.dropFirst(prefix.count).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, NameRules.dns1123Label(String(parts[0])).isEmpty,
            NameRules.dns1123Subdomain(String(parts[1])).isEmpty
        else { return nil }
        return ObjectKey(namespace: String(parts[0]), name: String(parts[1]))
    }
}
