import Foundation
import KubernetesAPI
import PodRuntime

/// A container's variables as the pod asks for them, and the words of its command with them put in
/// (kubelet: `makeEnvironment`).
struct ContainerEnvironment: Sendable {
    private(set) var variables: [EnvironmentVariable] = []
    /// Keys of `envFrom` that cannot be names of variables and were left out.
    private(set) var invalidKeys: [String] = []
    private var values: [String: String] = [:]

    /// - Parameter services: variables that lead to services; those of the container may refer to them, and win.
    init(
        _ container: Container, services: ServiceVariables = ServiceVariables(), objects: ReferencedObjects,
        fields: DownwardFields
    ) throws(ReferenceError) {
        for variable in services.variables { set(variable.name, variable.value) }
        for source in container.envFrom { try take(source, objects) }
        for variable in container.env {
            if variable.value.isEmpty, let source = variable.valueFrom {
                guard let value = try value(source, container.name, objects, fields) else { continue }
                set(variable.name, value)
            } else {
                set(variable.name, expand(variable.value))
            }
        }
    }

    /// Puts the variables into a text.
    func expand(_ text: String) -> String { Expansion.expand(text) { values[$0] } }

    private mutating func set(_ name: String, _ value: String) {
        // In the order in which they were written; a later one of the same name wins.
        if values.updateValue(value, forKey: name) != nil { variables.removeAll { $0.name == name } }
        variables.append(EnvironmentVariable(name: name, value: value))
    }

    private mutating func take(_ source: EnvFromSource, _ objects: ReferencedObjects) throws(ReferenceError) {
        var found: [String: String] = [:]
        if let reference = source.configMapRef {
            found = try objects.configMap(reference.name, optional: reference.optional)?.data ?? [:]
        } else if let reference = source.secretRef {
            let data = try objects.secret(reference.name, optional: reference.optional)?.data ?? [:]
            found = data.mapValues { String(decoding: $0, as: UTF8.self) }
        }
        for (key, value) in found.sorted(by: { $0.key < $1.key }) {
            let name = source.prefix + key
            if Self.isName(name) { set(name, value) } else { invalidKeys.append(name) }
        }
    }

    /// Printable ASCII without `=` (`IsRelaxedEnvVarName`).
    static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { (32...126).contains($0) && $0 != UInt8(ascii: "=") }
    }

    /// Nil where an optional reference leads nowhere: the variable is not set then.
    private func value(
        _ source: EnvVarSource, _ container: String, _ objects: ReferencedObjects, _ fields: DownwardFields
    ) throws(ReferenceError) -> String? {
        if let reference = source.fieldRef { return try fields.value(of: reference.fieldPath) }
        if let reference = source.resourceFieldRef { return try fields.value(of: reference, container: container) }
        if let reference = source.secretKeyRef {
            guard let secret = try objects.secret(reference.name, optional: reference.optional) else { return nil }
            if let value = secret.data[reference.key] { return String(decoding: value, as: UTF8.self) }
            if reference.optional == true { return nil }
            throw .missingKey(reference.key, in: "Secret", objects.namespace, reference.name)
        }
        if let reference = source.configMapKeyRef {
            guard let configMap = try objects.configMap(reference.name, optional: reference.optional) else {
                return nil
            }
            if let value = configMap.data[reference.key] { return value }
            if reference.optional == true { return nil }
            throw .missingKey(reference.key, in: "ConfigMap", objects.namespace, reference.name)
        }
        return nil
    }
}
