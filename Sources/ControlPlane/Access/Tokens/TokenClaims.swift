import KubernetesAPI

/// What a service account's token says (`pkg/serviceaccount/claims.go`). Times are seconds since 1970.
struct TokenClaims: Sendable, Hashable {
    /// An object by name, and by uid: a new one of the same name is another one.
    struct Reference: Sendable, Hashable {
        var name: String
        var uid: String

        fileprivate init?(_ json: JSONValue?) {
            guard let name = json?["name"]?.stringValue, let uid = json?["uid"]?.stringValue else { return nil }
            self.init(name: name, uid: uid)
        }

        init(name: String, uid: String) {
            self.name = name
            self.uid = uid
        }

        fileprivate var json: JSONValue { ["name": .string(name), "uid": .string(uid)] }
    }

    var issuer: String
    var subject: String
    var audiences: [String]
    var issuedAt: Int64
    var notBefore: Int64
    var expiresAt: Int64
    /// Names this token.
    var identifier: String
    var namespace: String
    var account: Reference
    /// What the token goes with; of a pod with the node that it runs on.
    var pod: Reference?
    var secret: Reference?
    var node: Reference?
    /// When the token should have been replaced by a newer one.
    var warnAfter: Int64?

    var json: JSONValue {
        var kubernetes: JSONObject = ["namespace": .string(namespace)]
        if let node { kubernetes["node"] = node.json }
        if let pod { kubernetes["pod"] = pod.json }
        if let secret { kubernetes["secret"] = secret.json }
        kubernetes["serviceaccount"] = account.json
        if let warnAfter { kubernetes["warnafter"] = .integer(warnAfter) }
        return [
            "aud": audiences.json, "exp": .integer(expiresAt), "iat": .integer(issuedAt), "iss": .string(issuer),
            "jti": .string(identifier), "kubernetes.io": .object(kubernetes), "nbf": .integer(notBefore),
            "sub": .string(subject),
        ]
    }
}

extension TokenClaims {
    /// Nil where something is missing that each token of ours has.
    init?(json: JSONValue) {
        let kubernetes = json["kubernetes.io"]
        guard let issuer = json["iss"]?.stringValue, let subject = json["sub"]?.stringValue,
            let issuedAt = json["iat"]?.integerValue, let expiresAt = json["exp"]?.integerValue,
            let notBefore = json["nbf"]?.integerValue, let identifier = json["jti"]?.stringValue,
            let namespace = kubernetes?["namespace"]?.stringValue,
            let account = Reference(kubernetes?["serviceaccount"])
        else { return nil }
        let audiences =
            json["aud"]?.arrayValue.map { $0.compactMap(\.stringValue) } ?? json["aud"]?.stringValue.map { [$0] } ?? []
        self.init(
            issuer: issuer, subject: subject, audiences: audiences, issuedAt: issuedAt, notBefore: notBefore,
            expiresAt: expiresAt, identifier: identifier, namespace: namespace, account: account,
            pod: Reference(kubernetes?["pod"]), secret: Reference(kubernetes?["secret"]),
            node: Reference(kubernetes?["node"]), warnAfter: kubernetes?["warnafter"]?.integerValue)
    }

    /// Who shows the token.
    var user: User {
        let account = ObjectKey(namespace: namespace, name: account.name)
        var user = User(
            name: ServiceAccountUser.name(account), uid: self.account.uid,
            groups: ServiceAccountUser.groups(of: namespace) + [User.authenticated])
        let prefix = "authentication.kubernetes.io/"
        user.extra[User.credentialID] = ["JTI=\(identifier)"]
        if let pod {
            user.extra["\(prefix)pod-name"] = [pod.name]
            user.extra["\(prefix)pod-uid"] = [pod.uid]
        }
        if let node {
            user.extra["\(prefix)node-name"] = [node.name]
            user.extra["\(prefix)node-uid"] = [node.uid]
        }
        return user
    }
}
