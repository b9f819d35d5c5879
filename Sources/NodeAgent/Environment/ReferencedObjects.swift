import Foundation
import KubernetesAPI

/// Something that a pod refers to cannot be used. The message is the kubelet's.
struct ReferenceError: Error, Hashable, CustomStringConvertible {
    var message: String
    var description: String { message }

    static func missingKey(_ key: String, in kind: String, _ namespace: String, _ name: String) -> ReferenceError {
        ReferenceError(message: "couldn't find key \(key) in \(kind) \(namespace)/\(name)")
    }
}

/// Names of the Secrets and ConfigMaps that something refers to.
struct ObjectNames: Sendable, Hashable {
    var secrets: Set<String> = []
    var configMaps: Set<String> = []

    var isEmpty: Bool { secrets.isEmpty && configMaps.isEmpty }

    init() {}

    /// What a container's environment refers to.
    init(environmentOf container: Container) {
        for source in container.envFrom {
            if let reference = source.secretRef { secrets.insert(reference.name) }
            if let reference = source.configMapRef { configMaps.insert(reference.name) }
        }
        for source in container.env.compactMap(\.valueFrom) {
            if let reference = source.secretKeyRef { secrets.insert(reference.name) }
            if let reference = source.configMapKeyRef { configMaps.insert(reference.name) }
        }
    }

    /// What the files of a volume come from.
    init(volume: Volume) {
        if let secret = volume.secret { secrets.insert(secret.secretName) }
        if let configMap = volume.configMap { configMaps.insert(configMap.name) }
        for source in volume.projected?.sources ?? [] {
            if let secret = source.secret { secrets.insert(secret.name) }
            if let configMap = source.configMap { configMaps.insert(configMap.name) }
        }
    }
}

/// The Secrets and ConfigMaps that are there, read at once.
struct ReferencedObjects: Sendable {
    let namespace: String
    private(set) var secrets: [String: Secret] = [:]
    private(set) var configMaps: [String: ConfigMap] = [:]

    init(namespace: String, secrets: [String: Secret] = [:], configMaps: [String: ConfigMap] = [:]) {
        self.namespace = namespace
        self.secrets = secrets
        self.configMaps = configMaps
    }

    /// Reads all that is named, side by side. What is not there is left out; any other refusal is thrown.
    static func fetch(_ names: ObjectNames, namespace: String, client: APIClient) async throws -> ReferencedObjects {
        if names.isEmpty { return ReferencedObjects(namespace: namespace) }
        async let secrets = fetch(Secret.self, names.secrets, namespace, client)
        async let configMaps = fetch(ConfigMap.self, names.configMaps, namespace, client)
        return try await ReferencedObjects(namespace: namespace, secrets: secrets, configMaps: configMaps)
    }

    private static func fetch<Object: KubernetesObject>(
        _ type: Object.Type, _ names: Set<String>, _ namespace: String, _ client: APIClient
    ) async throws -> [String: Object] {
        try await withThrowingTaskGroup(of: (String, Object?).self) { group in
            for name in names {
                group.addTask {
                    do {
                        return (name, try await client.get(type, name, namespace: namespace))
                    } catch let error as APIError where error.isNotFound {
                        return (name, nil)
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// These and one that was known already.
    func adding(_ configMap: ConfigMap) -> ReferencedObjects {
        var copy = self
        copy.configMaps[configMap.metadata.name] = configMap
        return copy
    }

    func secret(_ name: String, optional: Bool?) throws(ReferenceError) -> Secret? {
        if let secret = secrets[name] { return secret }
        if optional == true { return nil }
        throw ReferenceError(message: "secret \"\(name)\" not found")
    }

    func configMap(_ name: String, optional: Bool?) throws(ReferenceError) -> ConfigMap? {
        if let configMap = configMaps[name] { return configMap }
        if optional == true { return nil }
        throw ReferenceError(message: "configmap \"\(name)\" not found")
    }
}
