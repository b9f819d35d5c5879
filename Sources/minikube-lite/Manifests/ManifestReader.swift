import Foundation
import KubernetesAPI

/// One object of a manifest, with where it stands.
struct Manifest {
    var object: JSONValue
    /// E.g. `web.yaml` or `standard input`, for messages.
    var source: String
    var resource: Schema.Resource
    var name: String
    /// Of the object; empty where it names none.
    var namespace: String

    /// `deployment.apps/web`.
    var title: String { "\(ResourceNames.prefix(resource.kind))/\(name)" }
}

/// Reads manifests: files, folders (their .yaml, .yml and .json files) and standard input (`-`).
enum ManifestReader {
    /// The largest file that is read: an object may not be larger than the server takes, but a file has several.
    private static let maximumBytes = 64 << 20

    static func read(_ paths: [String], recursive: Bool) throws -> [Manifest] {
        var manifests: [Manifest] = []
        for path in paths {
            if path == "-" {
                let bytes = try FileHandle.standardInput.readToEnd() ?? Data()
                manifests += try parse(bytes, source: "standard input")
                continue
            }
            for file in try files(path, recursive: recursive) {
                guard let attributes = try? FileManager.default.attributesOfItem(atPath: file),
                    let bytes = FileManager.default.contents(atPath: file)
                else { throw CommandFailure("error: \(file) cannot be read") }
                guard (attributes[.size] as? Int ?? 0) <= maximumBytes else {
                    throw CommandFailure("error: \(file) is larger than \(maximumBytes) bytes")
                }
                manifests += try parse(bytes, source: file)
            }
        }
        guard !manifests.isEmpty else { throw CommandFailure("error: no objects passed") }
        return manifests
    }

    private static func files(_ path: String, recursive: Bool) throws(CommandFailure) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandFailure("error: the path \"\(path)\" does not exist")
        }
        guard isDirectory.boolValue else { return [path] }
        let names =
            recursive
            ? FileManager.default.subpaths(atPath: path) : try? FileManager.default.contentsOfDirectory(atPath: path)
        guard let names else { throw CommandFailure("error: the folder \"\(path)\" cannot be read") }
        let found = names.filter { name in [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } }.sorted()
        guard !found.isEmpty else {
            throw CommandFailure("error: the folder \"\(path)\" has no .yaml, .yml or .json file")
        }
        return found.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    static func parse(_ bytes: Data, source: String) throws(CommandFailure) -> [Manifest] {
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw CommandFailure("error: \(source) is not text in UTF-8")
        }
        let documents: [JSONValue]
        do {
            documents = try YAMLDocuments.read(text)
        } catch {
            throw CommandFailure("error: error parsing \(source): \(error)")
        }
        var manifests: [Manifest] = []
        for document in documents {
            if document["kind"] == "List", let items = document["items"]?.arrayValue {
                for item in items { manifests.append(try manifest(item, source)) }
            } else {
                manifests.append(try manifest(document, source))
            }
        }
        return manifests
    }

    private static func manifest(_ document: JSONValue, _ source: String) throws(CommandFailure) -> Manifest {
        func problem(_ text: String) -> CommandFailure { CommandFailure("error: \(source): \(text)") }
        guard case .object = document else {
            throw problem("a document has to be an object, this one is a \(document.typeName)")
        }
        guard let kind = document["kind"]?.stringValue, !kind.isEmpty else { throw problem("kind is not set") }
        guard let version = document["apiVersion"]?.stringValue, !version.isEmpty else {
            throw problem("apiVersion is not set")
        }
        guard let resource = Schema.shared.resource(of: GroupVersionKind(apiVersion: version, kind: kind)) else {
            throw problem("no matches for kind \"\(kind)\" in version \"\(version)\"")
        }
        guard let name = document[path: "metadata", "name"]?.stringValue, !name.isEmpty else {
            throw problem("metadata.name of a \(kind) is not set")
        }
        return Manifest(
            object: document, source: source, resource: resource, name: name,
            namespace: document[path: "metadata", "namespace"]?.stringValue ?? "")
    }
}
