import Foundation
import KubernetesAPI
import PodRuntime

/// The files of a volume that comes from Secrets, ConfigMaps, the pod's own fields and its service account.
struct VolumeContent: Sendable {
    let objects: ReferencedObjects
    let fields: DownwardFields
    /// Tokens by path in the volume.
    var tokens: [String: String] = [:]

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
            if let wanted = source.serviceAccountToken { more.append(try token(wanted, mode)) }
            if source.clusterTrustBundle != nil || source.podCertificate != nil {
                throw ReferenceError(message: "certificates are not issued on this node")
            }
            // Of two sources of one path the later wins.
            files.removeAll { file in more.contains { $0.path == file.path } }
            files += more
        }
        return files
    }

    /// For the pod's user alone, where there is one; a group that the pod asks for may read it, too.
    private func token(_ source: ServiceAccountTokenProjection, _ mode: Int32) throws(ReferenceError) -> VolumeFile {
        guard let token = tokens[source.path] else {
            throw ReferenceError(message: "no token for \(source.path)")
        }
        let user = fields.pod.spec.volumeUser
        let isOwned = user != nil || fields.pod.spec.securityContext?.fsGroup != nil
        var file = Self.file(source.path, Array(token.utf8), isOwned ? 0o600 : mode)
        file.user = user
        return file
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

extension PodSpec {
    /// The user that all containers run as, where the pod says so (kubelet: `FsUserFrom`).
    fileprivate var volumeUser: UInt32? {
        let users = (initContainers + containers).map { $0.securityContext?.runAsUser ?? securityContext?.runAsUser }
        guard let first = users.first, let user = first, users.allSatisfy({ $0 == user }) else { return nil }
        return UInt32(exactly: user)
    }
}
