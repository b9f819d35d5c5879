import ArgumentParser
import Foundation
import KubernetesAPI

/// Where the API is, for every command that talks to it.
struct ClusterOptions: ParsableArguments {
    @Option(help: "Kubeconfig file. Default: $KUBECONFIG, else the one of the node.")
    var kubeconfig: String?

    @Option(help: "Context of the kubeconfig file. Default: its current one.")
    var context: String?

    @Option(help: "Folder of the node instance (as given to \"up\") whose kubeconfig is used.")
    var root: String?

    @Option(name: .long, help: "Seconds that one request may take.")
    var requestTimeout = 30

    /// The kubeconfig file: --kubeconfig, the instance's of --root, the first existing one of $KUBECONFIG, the node's.
    var kubeconfigPath: String {
        if let kubeconfig { return kubeconfig }
        if root == nil, let list = ProcessInfo.processInfo.environment["KUBECONFIG"] {
            let paths = list.split(separator: ":").map(String.init)
            if let found = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) ?? paths.first {
                return found
            }
        }
        return NodeLayout(root: root).adminKubeconfig
    }

    func validate() throws {
        guard requestTimeout > 0 else { throw ValidationError("--request-timeout has to be above 0 seconds.") }
    }

    /// Runs `body` with a connection that is closed afterwards.
    func withCluster<Value>(
        namespace: String? = nil, _ body: (Cluster) async throws -> Value
    ) async throws -> Value {
        let context = try Kubeconfig.load(path: kubeconfigPath, context: context)
        let transport = try HTTPSTransport(cluster: context, deadline: .seconds(requestTimeout))
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(Cluster(transport: transport, namespace: namespace ?? context.namespace)))
        } catch {
            result = .failure(error)
        }
        try await transport.shutdown()
        return try result.get()
    }
}

/// The namespace of a command.
struct NamespaceOption: ParsableArguments {
    @Option(name: [.customShort("n"), .long], help: "Namespace. Default: the context's.")
    var namespace: String?
}

/// An open connection to the API.
struct Cluster: Sendable {
    let transport: HTTPSTransport
    let client: APIClient
    /// Where objects without a namespace of their own are looked for.
    let namespace: String

    init(transport: HTTPSTransport, namespace: String) {
        self.transport = transport
        client = APIClient(transport: transport)
        self.namespace = namespace
    }

    func request(
        _ verb: APIRequest.Verb, _ resource: Schema.Resource, namespace: String? = nil, name: String = "",
        options: [String: String] = [:]
    ) -> APIRequest {
        APIRequest(
            verb: verb, group: resource.kind.group, version: resource.kind.version, resource: resource.plural,
            namespace: resource.namespaced ? namespace ?? self.namespace : "", name: name, options: options)
    }

    /// The object, or nil where there is none of that name.
    func find(_ resource: Schema.Resource, _ name: String, namespace: String? = nil) async throws -> JSONValue? {
        do {
            return try await transport.send(request(.get, resource, namespace: namespace, name: name))
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }
}
