import Foundation
import KubernetesAPI
import Logging

/// Fills secrets of the type `kubernetes.io/service-account-token` with a token of the account that they name, and takes
/// them away with it (`pkg/controller/serviceaccount/tokens_controller.go`).
///
/// The token is asked for as anybody's is, and bound to the secret: it is good for as long as the secret and the account
/// are there.
final class AccountTokenController: Controller {
    static let accountName = "kubernetes.io/service-account.name"
    static let accountUID = "kubernetes.io/service-account.uid"
    /// Seconds; the longest that can be asked for.
    private static let lifetime: Int64 = 1 << 32

    private let client: APIClient
    private let logger: Logger
    /// Of the one type only: other secrets are none of this controller's business.
    private let secrets: Informer<Secret>
    private let rootCertificate: String?
    private let queue: WorkQueue<ObjectKey>

    init(
        client: APIClient, tracker: MetadataTracker, rootCertificate: String?, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.logger = logger
        self.rootCertificate = rootCertificate
        secrets = Informer(
            Secret.self, client: client,
            options: ["fieldSelector": "type=\(SecretType.kubernetesIoServiceAccountToken)"], time: time
        ) { error in
            logger.warning("cannot follow the secrets with tokens, trying again", metadata: ["error": "\(error)"])
        }
        queue = WorkQueue(time: time)
        secrets.onChange { [weak self] change in
            if case .deleted = change { return }
            if let secret = change.object { self?.queue.add(secret.key) }
        }
        tracker.onChange { [weak self] change in
            guard change.kind == ServiceAccount.groupVersionKind, change.new == nil, let gone = change.old else {
                return
            }
            self?.lookAgain(at: gone)
        }
    }

    private func lookAgain(at account: ObjectMeta) {
        for secret in secrets.cache.all
        where secret.metadata.namespace == account.namespace
            && secret.metadata.annotations[Self.accountName] == account.name
        {
            queue.add(secret.key)
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [secrets] in await secrets.run() }
            await queue.run(logger: logger, "a secret has no token yet") { [self] key in try await sync(key) }
            group.cancelAll()
        }
    }

    private func sync(_ key: ObjectKey) async throws {
        guard let secret = secrets.cache[key], !secret.metadata.isBeingDeleted else { return }
        let name = secret.metadata.annotations[Self.accountName, default: ""]
        let account: ServiceAccount
        do {
            account = try await client.get(ServiceAccount.self, name, namespace: key.namespace)
        } catch let error as APIError where error.isNotFound {
            return try await remove(secret)
        }
        let uid = secret.metadata.annotations[Self.accountUID, default: ""]
        // A new account of the same name is another one.
        guard uid.isEmpty || uid == account.metadata.uid else { return try await remove(secret) }
        var filled = secret
        filled.metadata.annotations[Self.accountUID] = account.metadata.uid
        filled.data["namespace"] = Data(key.namespace.utf8)
        if let rootCertificate { filled.data["ca.crt"] = Data(rootCertificate.utf8) }
        if filled.data["token", default: Data()].isEmpty {
            filled.data["token"] = Data(try await token(of: account, for: secret).utf8)
        }
        guard filled != secret else { return }
        do {
            _ = try await client.update(filled)
        } catch let error as APIError where error.isNotFound {
            return
        }
    }

    private func token(of account: ServiceAccount, for secret: Secret) async throws -> String {
        var wanted = TokenRequest()
        wanted.spec.expirationSeconds = Self.lifetime
        var reference = BoundObjectReference()
        reference.apiVersion = "v1"
        reference.kind = "Secret"
        reference.name = secret.metadata.name
        reference.uid = secret.metadata.uid
        wanted.spec.boundObjectRef = reference
        let answer = try await client.transport.send(
            APIRequest(
                verb: .create, group: "", version: "v1", resource: "serviceaccounts",
                namespace: secret.metadata.namespace, name: account.metadata.name, subresource: "token",
                body: wanted.json))
        return try TokenRequest(json: answer).status.token
    }

    private func remove(_ secret: Secret) async throws {
        var options = DeleteOptions()
        options.preconditions = Preconditions()
        options.preconditions?.uid = secret.metadata.uid
        do {
            try await client.delete(
                Secret.self, secret.metadata.name, namespace: secret.metadata.namespace, options: options)
        } catch let error as APIError where error.isNotFound {
            return
        }
    }
}
