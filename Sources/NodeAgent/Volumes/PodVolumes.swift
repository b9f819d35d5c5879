import Foundation
import KubernetesAPI
import PodRuntime

/// Makes a pod's volumes and says where on the host each one is.
///
/// Files from Secrets, ConfigMaps and the pod's own fields are on a tmpfs and change when their sources do; a mount of
/// one of them by `subPath` keeps what it saw at its start, as everywhere.
struct PodVolumes: Sendable {
    let store: VolumeStore
    let client: APIClient
    let tokens: ServiceAccountTokens
    let certificates: RootCertificates
    /// Blocking file work has threads of its own.
    let pool: BlockingPool

    /// A volume that could not be made.
    struct Failure: Error, CustomStringConvertible {
        var volume: String
        var reason: String
        /// The kubelet's sentence of `FailedMount`.
        var description: String { "MountVolume.SetUp failed for volume \"\(volume)\" : \(reason)" }
    }

    /// Where a pod's volumes are.
    struct Prepared: Sendable, Hashable {
        /// Volume to path on the host.
        var paths: [String: String] = [:]
        /// When they have to be prepared again; nanoseconds since 1970.
        var refreshAt: Int64?
    }

    /// Makes every volume of the pod, or finds it made; writes anew what has changed. Throws `Failure`.
    func prepare(_ pod: Pod, fields: DownwardFields) async throws -> Prepared {
        var prepared = Prepared()
        let group = pod.spec.securityContext?.fsGroup.flatMap(UInt32.init(exactly:))
        for volume in pod.spec.volumes {
            do {
                let tokens = try await tokens(of: volume, for: pod)
                prepared.refreshAt = ([prepared.refreshAt] + tokens.values.map(\.refreshAt)).compactMap(\.self).min()
                prepared.paths[volume.name] = try await prepare(
                    volume, of: pod, group: group, fields: fields, tokens: tokens.mapValues(\.text))
            } catch let error as ReferenceError {
                throw Failure(volume: volume.name, reason: error.message)
            } catch let error as APIError {
                throw Failure(volume: volume.name, reason: error.description)
            } catch let error as RuntimeError {
                throw Failure(volume: volume.name, reason: error.message)
            }
        }
        return prepared
    }

    /// The tokens that a volume has, by path in it.
    private func tokens(of volume: Volume, for pod: Pod) async throws -> [String: ServiceAccountTokens.Token] {
        var found: [String: ServiceAccountTokens.Token] = [:]
        for source in (volume.projected?.sources ?? []).compactMap(\.serviceAccountToken) {
            found[source.path] = try await tokens.token(for: pod, source)
        }
        return found
    }

    /// What a volume's files come from.
    private func objects(of volume: Volume, namespace: String) async throws -> ReferencedObjects {
        var names = ObjectNames(volume: volume)
        guard names.configMaps.contains(RootCertificates.name), let known = certificates[namespace] else {
            return try await ReferencedObjects.fetch(names, namespace: namespace, client: client)
        }
        names.configMaps.remove(RootCertificates.name)
        return try await ReferencedObjects.fetch(names, namespace: namespace, client: client).adding(known)
    }

    /// Whether the pod has volumes whose files may change.
    static func needRefresh(_ pod: Pod) -> Bool { pod.spec.volumes.contains(where: isWritten) }

    func removeAll(uid: String) async throws {
        try await pool.run { [store] in try store.removeAll(pod: uid) }
    }

    private static func isWritten(_ volume: Volume) -> Bool {
        volume.secret != nil || volume.configMap != nil || volume.downwardAPI != nil || volume.projected != nil
    }

    private func prepare(
        _ volume: Volume, of pod: Pod, group: UInt32?, fields: DownwardFields, tokens: [String: String]
    ) async throws -> String {
        let uid = pod.metadata.uid
        let name = volume.name
        if let hostPath = volume.hostPath {
            try await pool.run { try HostPath.prepare(hostPath.path, type: hostPath.type?.rawValue ?? "") }
            return hostPath.path
        }
        if let emptyDir = volume.emptyDir {
            return try await pool.run { [store] in
                guard emptyDir.medium.rawValue == "Memory" else {
                    return try store.directory(pod: uid, name: name, group: group)
                }
                let limit = emptyDir.sizeLimit.map(\.value).flatMap { $0 > 0 ? $0 : nil }
                return try store.memory(pod: uid, name: name, sizeLimit: limit, group: group)
            }
        }
        guard Self.isWritten(volume) else {
            throw ReferenceError(message: "this kind of volume is not supported on this node")
        }
        let objects = try await objects(of: volume, namespace: pod.metadata.namespace)
        let files = try VolumeContent(objects: objects, fields: fields, tokens: tokens).files(of: volume)
        return try await pool.run { [store] in
            try store.write(files, pod: uid, name: name, group: group)
            return store.filesPath(pod: uid, name: name)
        }
    }
}
