import KubernetesAPI
import Logging

/// Sees to it that each namespace has what pods in it rely on: the ServiceAccount `default`, and the ConfigMap
/// `kube-root-ca.crt` where there is a certificate to publish.
final class NamespaceDefaultsController: Controller {
    static let serviceAccount = "default"
    static let configMap = "kube-root-ca.crt"
    private static let certificateKey = "ca.crt"

    private let client: APIClient
    private let logger: Logger
    private let namespaces: Informer<Namespace>
    private let rootCertificate: String?
    private let queue: WorkQueue<String>

    init(
        client: APIClient, namespaces: Informer<Namespace>, tracker: MetadataTracker, rootCertificate: String?,
        time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.logger = logger
        self.namespaces = namespaces
        self.rootCertificate = rootCertificate
        queue = WorkQueue(time: time)
        namespaces.onChange { [weak self] change in
            if case .deleted = change { return }
            if let namespace = change.object { self?.queue.add(namespace.metadata.name) }
        }
        tracker.onChange { [weak self] change in
            // New ones are as they should be, or the change that follows tells.
            guard let old = change.old else { return }
            let isOurs =
                change.kind == ServiceAccount.groupVersionKind && old.name == Self.serviceAccount
                || change.kind == ConfigMap.groupVersionKind && old.name == Self.configMap
            if isOurs { self?.queue.add(old.namespace) }
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        await queue.run(workers: 2, logger: logger, "namespace not furnished yet") { [self] in try await sync($0) }
    }

    private func sync(_ name: String) async throws {
        guard let namespace = namespaces.cache[ObjectKey(namespace: "", name: name)],
            !namespace.metadata.isBeingDeleted
        else { return }
        var account = ServiceAccount()
        account.metadata.name = Self.serviceAccount
        account.metadata.namespace = name
        try await ensure(account)
        guard let rootCertificate else { return }
        var map = ConfigMap()
        map.metadata.name = Self.configMap
        map.metadata.namespace = name
        map.metadata.annotations["kubernetes.io/description"] =
            "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as "
            + "the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "
            + "Kubernetes clusters."
        map.data = [Self.certificateKey: rootCertificate]
        var present = try await ensure(map)
        guard present.data != map.data else { return }
        present.data = map.data
        _ = try await client.update(present)
    }

    /// The object that is there under its name, which is the given one where there was none.
    @discardableResult
    private func ensure<Object: KubernetesObject>(_ object: Object) async throws -> Object {
        do {
            return try await client.get(Object.self, object.metadata.name, namespace: object.metadata.namespace)
        } catch let error as APIError where error.isNotFound {
            do {
                return try await client.create(object)
            } catch let error as APIError where error.isNamespaceTerminating || error.isNotFound {
                // The namespace went meanwhile.
                return object
            }
        }
    }
}
