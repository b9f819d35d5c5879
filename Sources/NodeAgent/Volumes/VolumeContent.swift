import Foundation
import KubernetesAPI
import PodRuntime

/// The files of a volume that comes from Secrets, ConfigMaps and the pod's own fields.
struct VolumeContent: Sendable {
    let objects: ReferencedObjects
    let fields: DownwardFields

    private static let defaultMode: Int32 = 0o644

    func files(of volume: Volume) throws(ReferenceError) -> [VolumeFile] {
        if let source = volume.secret {
            let mode = source.defaultMode ?? Self.defaultMode
            return try secret(source.secretName, source.items, source.optional, mode)
        }
        if let source = volume.configMap {
            let mode = source.defaultMode ?? Self.defaultMode
            return try configMap(source.name, source.items, source.optional, mode)
        }
        if let source = volume.downwardAPI {
            return try downward(source.items, source.defaultMode ?? Self.defaultMode)
        }
        guard let projected = volume.projected else { return [] }
        let mode = projected.defaultMode ?? Self.defaultMode
        var files: [VolumeFile] = []
        for source in projected.sources {
            var more: [VolumeFile] = []
            if let secret = source.secret {
                more += try self.secret(secret.name, secret.items, secret.optional, mode)
            }
            if let configMap = source.configMap {
                more += try self.configMap(configMap.name, configMap.items, configMap.optional, mode)
            }
            if let downward = source.downwardAPI { more += try self.downward(downward.items, mode) }
            if source.serviceAccountToken != nil || source.clusterTrustBundle != nil || source.podCertificate != nil {
                throw ReferenceError(message: "service account tokens and certificates are not issued on this node")
            }
            // Of two sources of one path the later wins.
            files.removeAll { file in more.contains { $0.path == file.path } }
            files += more
        }
        return files
    }

    private func secret(
        _ name: String, _ items: [KeyToPath], _ optional: Bool?, _ mode: Int32
    ) throws(ReferenceError) -> [VolumeFile] {
        let secret = try objects.secret(name, optional: optional)
        return try pick(secret?.data ?? [:], items, mode, optional, "references non-existent secret key")
    }

    private func configMap(
        _ name: String, _ items: [KeyToPath], _ optional: Bool?, _ mode: Int32
    ) throws(ReferenceError) -> [VolumeFile] {
        let configMap = try objects.configMap(name, optional: optional)
        var data = configMap?.binaryData ?? [:]
        for (key, value) in configMap?.data ?? [:] { data[key] = Data(value.utf8) }
        return try pick(data, items, mode, optional, "configmap references non-existent config key")
    }

    private func pick(
        _ data: [String: Data], _ items: [KeyToPath], _ mode: Int32, _ optional: Bool?, _ problem: String
    ) throws(ReferenceError) -> [VolumeFile] {
        if items.isEmpty {
            return data.sorted { $0.key < $1.key }.map { Self.file($0.key, Array($0.value), mode) }
        }
        var files: [VolumeFile] = []
        for item in items {
            if let value = data[item.key] {
                files.append(Self.file(item.path, Array(value), item.mode ?? mode))
            } else if optional != true {
                throw ReferenceError(message: "\(problem): \(item.key)")
            }
        }
        return files
    }

    private func downward(_ items: [DownwardAPIVolumeFile], _ mode: Int32) throws(ReferenceError) -> [VolumeFile] {
        var files: [VolumeFile] = []
        for item in items {
            var value = ""
            if let reference = item.fieldRef {
                value = try fields.value(of: reference.fieldPath)
            } else if let reference = item.resourceFieldRef {
                value = try fields.value(of: reference, container: reference.containerName)
            }
            files.append(Self.file(item.path, Array(value.utf8), item.mode ?? mode))
        }
        return files
    }

    private static func file(_ path: String, _ content: [UInt8], _ mode: Int32) -> VolumeFile {
        VolumeFile(path: path, content: content, mode: UInt32(clamping: mode))
    }
}
