import Foundation

/// The JSON documents of the OCI image specification, as far as they are read and written here.
enum OCI {
    enum MediaType {
        static let index = "application/vnd.oci.image.index.v1+json"
        static let manifest = "application/vnd.oci.image.manifest.v1+json"
        static let config = "application/vnd.oci.image.config.v1+json"
        static let layer = "application/vnd.oci.image.layer.v1.tar"
    }

    static let referenceName = "org.opencontainers.image.ref.name"

    /// image-spec, descriptor.md
    struct Descriptor: Codable, Hashable, Sendable {
        var mediaType: String
        var digest: String
        var size: Int64
        var annotations: [String: String]?
        var platform: Platform?

        struct Platform: Codable, Hashable, Sendable {
            var architecture: String
            var os: String
        }
    }

    /// image-spec, image-index.md
    struct Index: Codable, Hashable, Sendable {
        var schemaVersion = 2
        var mediaType: String? = MediaType.index
        var manifests: [Descriptor] = []
    }

    /// image-spec, manifest.md
    struct Manifest: Codable, Hashable, Sendable {
        var schemaVersion = 2
        var mediaType: String? = MediaType.manifest
        var config: Descriptor
        var layers: [Descriptor]
    }

    /// image-spec, config.md
    struct Config: Codable, Hashable, Sendable {
        var created: String?
        var architecture: String
        var os: String
        var config: Execution?
        var rootfs: RootFS

        struct RootFS: Codable, Hashable, Sendable {
            var type = "layers"
            var diff_ids: [String]
        }

        struct Execution: Codable, Hashable, Sendable {
            var Entrypoint: [String]?
            var Cmd: [String]?
            var Env: [String]?
            var User: String?
            var WorkingDir: String?
            var StopSignal: String?
            var Labels: [String: String]?
            var ExposedPorts: [String: Empty]?
        }

        struct Empty: Codable, Hashable, Sendable {}
    }

    /// This machine's architecture as the specification spells it (Go's GOARCH).
    static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }

    /// Sorted keys: the same content has the same digest.
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    static func decode<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws -> T {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

extension ImageConfiguration {
    init(_ config: OCI.Config.Execution?) {
        self.init(
            entrypoint: config?.Entrypoint ?? [], cmd: config?.Cmd ?? [], env: config?.Env ?? [],
            user: config?.User ?? "", workingDir: config?.WorkingDir ?? "", stopSignal: config?.StopSignal ?? "",
            labels: config?.Labels ?? [:], exposedPorts: (config?.ExposedPorts ?? [:]).keys.sorted())
    }

    var execution: OCI.Config.Execution {
        OCI.Config.Execution(
            Entrypoint: entrypoint.isEmpty ? nil : entrypoint, Cmd: cmd.isEmpty ? nil : cmd,
            Env: env.isEmpty ? nil : env, User: user.isEmpty ? nil : user,
            WorkingDir: workingDir.isEmpty ? nil : workingDir, StopSignal: stopSignal.isEmpty ? nil : stopSignal,
            Labels: labels.isEmpty ? nil : labels,
            ExposedPorts: exposedPorts.isEmpty
                ? nil
                : Dictionary(exposedPorts.map { ($0, OCI.Config.Empty()) }, uniquingKeysWith: { first, _ in first }))
    }

    /// Parses an `image.json`: the fields of this type by their names, each of them optional.
    ///
    /// - Throws: `RuntimeError(.configuration)` that names the field.
    public static func parse(_ bytes: [UInt8], path: String) throws -> ImageConfiguration {
        struct Partial: Decodable {
            var entrypoint: [String]?
            var cmd: [String]?
            var env: [String]?
            var user: String?
            var workingDir: String?
            var stopSignal: String?
            var labels: [String: String]?
            var exposedPorts: [String]?
        }
        let known: Set = [
            "entrypoint", "cmd", "env", "user", "workingDir", "stopSignal", "labels", "exposedPorts",
        ]
        func wrong(_ reason: String) -> RuntimeError {
            RuntimeError(.configuration, step: "image.json", object: path, message: "\(path): \(reason)")
        }
        do {
            guard let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
                throw wrong("not a JSON object")
            }
            if let unknown = object.keys.sorted().first(where: { !known.contains($0) }) {
                throw wrong("unknown field \"\(unknown)\"; known are \(known.sorted().joined(separator: ", "))")
            }
            let partial = try OCI.decode(Partial.self, bytes)
            return ImageConfiguration(
                entrypoint: partial.entrypoint ?? [], cmd: partial.cmd ?? [], env: partial.env ?? [],
                user: partial.user ?? "", workingDir: partial.workingDir ?? "", stopSignal: partial.stopSignal ?? "",
                labels: partial.labels ?? [:], exposedPorts: partial.exposedPorts ?? [])
        } catch let error as DecodingError {
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context):
                throw wrong(
                    "field \"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong type")
            default: throw wrong("not valid JSON")
            }
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw wrong("not valid JSON")
        }
    }
}
