import KubernetesAPI
import Logging

/// The ConfigMap with the API's certificate authority that every namespace has. Nearly every pod has a volume with it, so
/// it is followed instead of read for each start.
struct RootCertificates: Sendable {
    static let name = "kube-root-ca.crt"

    private let informer: Informer<ConfigMap>

    init(client: APIClient, time: TimeSource, logger: Logger) {
        informer = Informer(
            client: client, options: ["fieldSelector": "metadata.name=\(Self.name)"], time: time
        ) { logger.warning("certificate authorities not followed", metadata: ["error": "\($0)"]) }
    }

    /// Follows until the task is cancelled.
    func run() async { await informer.run() }

    /// The namespace's; nil where it is not known (yet).
    subscript(namespace: String) -> ConfigMap? {
        informer.cache[ObjectKey(namespace: namespace, name: Self.name)]
    }
}
