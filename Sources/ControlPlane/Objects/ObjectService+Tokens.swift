import Foundation
import KubernetesAPI

/// `serviceaccounts/NAME/token`: a token for an account, bound to what it is used by
/// (`pkg/registry/core/serviceaccount/storage/token.go`, `pkg/serviceaccount/claims.go`).
extension ObjectService {
    /// Seconds that a token may be asked for.
    private static let lifetimes: ClosedRange<Int64> = 600...1 << 32
    private static let usualLifetime: Int64 = 3600
    /// What `kube-api-access` volumes ask for. Clients that read their token but once would fail after it, so such a
    /// token is good for a year, and says when it should have been replaced.
    static let projectedLifetime: Int64 = 3607
    private static let extendedLifetime: Int64 = 365 * 86400

    func issueToken(_ request: ObjectRequest) async throws -> Outcome {
        let kind = TokenRequest.groupVersionKind
        let (value, warnings) = try decode(request, as: kind)
        var wanted = try TokenRequest(json: value)
        try Self.check(wanted, request)
        let account = try object(of: request.onWholeObject).value
        if wanted.spec.audiences.isEmpty { wanted.spec.audiences = access.tokens.audiences }
        let seconds = wanted.spec.expirationSeconds ?? Self.usualLifetime
        wanted.spec.expirationSeconds = seconds
        let time = now()
        var claims = TokenClaims(
            issuer: access.tokens.issuer, subject: ServiceAccountUser.name(request.key),
            audiences: wanted.spec.audiences, issuedAt: time, notBefore: time, expiresAt: time + seconds,
            identifier: UUID().uuidString.lowercased(), namespace: request.namespace,
            account: TokenClaims.Reference(
                name: request.name, uid: account[path: "metadata", "uid"]?.stringValue ?? ""))
        if let reference = wanted.spec.boundObjectRef { try bind(&claims, to: reference, request) }
        if seconds == Self.projectedLifetime, claims.pod != nil, wanted.spec.audiences == access.tokens.audiences {
            claims.warnAfter = time + seconds
            claims.expiresAt = time + Self.extendedLifetime
        }
        wanted.metadata.name = request.name
        wanted.metadata.namespace = request.namespace
        wanted.metadata.creationTimestamp = Timestamp(seconds: time)
        wanted.status.expirationTimestamp = Timestamp(seconds: time + seconds)
        if !request.options.isDryRun {
            wanted.status.token = try JSONWebToken.sign(claims, with: access.tokens.key)
        }
        return Outcome(answer: .made(wanted.json, code: 201), warnings: warnings)
    }

    private static func check(_ wanted: TokenRequest, _ request: ObjectRequest) throws(APIError) {
        var errors = FieldErrors()
        let (name, namespace) = (wanted.metadata.name, wanted.metadata.namespace)
        if !name.isEmpty, name != request.name {
            errors.invalid(FieldPath("metadata.name"), name, "must match the service account name if specified")
        }
        if !namespace.isEmpty, namespace != request.namespace {
            errors.invalid(
                FieldPath("metadata.namespace"), namespace, "must match the service account namespace if specified")
        }
        let path = FieldPath("spec.expirationSeconds")
        if let seconds = wanted.spec.expirationSeconds, !lifetimes.contains(seconds) {
            errors.invalid(
                path, seconds,
                seconds < lifetimes.lowerBound
                    ? "may not specify a duration less than 10 minutes"
                    : "may not specify a duration larger than 2^32 seconds")
        }
        if let refusal = errors.refusal(of: TokenRequest.groupVersionKind, name: name) { throw refusal }
    }

    /// Lets the token live no longer than an object, which has to be there.
    private func bind(
        _ claims: inout TokenClaims, to reference: BoundObjectReference, _ request: ObjectRequest
    ) throws(APIError) {
        let kind = GroupVersionKind(apiVersion: reference.apiVersion, kind: reference.kind)
        guard [Pod.groupVersionKind, Secret.groupVersionKind, Node.groupVersionKind].contains(kind),
            let resource = catalogue.resource(of: kind)
        else { throw .badRequest("cannot bind token to object of type \(kind)") }
        let key = ObjectKey(namespace: resource.isNamespaced ? request.namespace : "", name: reference.name)
        guard let object = store.object(resource.collection, key)?.value else {
            throw .notFound(resource, reference.name)
        }
        let uid = object[path: "metadata", "uid"]?.stringValue ?? ""
        let bound = TokenClaims.Reference(name: reference.name, uid: uid)
        switch kind.kind {
        case "Pod":
            guard object[path: "spec", "serviceAccountName"]?.stringValue == request.name else {
                throw .badRequest(
                    "cannot bind token for serviceaccount \(request.name.quoted) to pod running with different "
                        + "serviceaccount name.")
            }
            claims.pod = bound
            let node = object[path: "spec", "nodeName"]?.stringValue ?? ""
            let found = store.object("nodes", ObjectKey(namespace: "", name: node))?.value
            if let uid = found?[path: "metadata", "uid"]?.stringValue {
                claims.node = TokenClaims.Reference(name: node, uid: uid)
            }
        case "Secret": claims.secret = bound
        default: claims.node = bound
        }
        guard reference.uid.isEmpty || reference.uid == uid else {
            throw .conflict(
                resource, reference.name,
                "the UID in the bound object reference (\(reference.uid)) does not match the UID in record. The object "
                    + "might have been deleted and then recreated")
        }
    }
}
