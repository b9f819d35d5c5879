import Foundation
import KubernetesAPI
import LinuxKernel

/// Reads pod templates, in place or from a file, as strictly as the API would.
struct PodTemplateReader {
    let problems: FileProblems
    /// What file references are relative to.
    let folder: String
    /// Everything that was read, for the digest.
    private(set) var bytesRead: [[UInt8]] = []

    init(problems: FileProblems, folder: String) {
        self.problems = problems
        self.folder = folder
    }

    static let keys = ["template", "templateFile"]

    /// The template of `template` or of the file `templateFile`, with `Never` as its restart policy.
    mutating func read(_ fields: FileFields) -> PodTemplateSpec? {
        if fields.has("template"), fields.has("templateFile") {
            fields.problem("templateFile", "has no meaning beside template")
            return nil
        }
        if fields.has("templateFile") {
            guard let path = fields.string("templateFile") else { return nil }
            guard let json = file(path, fields) else { return nil }
            return decode(json, at: fields.path.child("templateFile"), fields)
        }
        guard let json = fields["template"] else {
            fields.problem("template", "required")
            return nil
        }
        return decode(json, at: fields.path.child("template"), fields)
    }

    /// The template in a file's only document: a Pod, or what has one (Deployment, ReplicaSet, ...).
    private mutating func file(_ path: String, _ fields: FileFields) -> JSONValue? {
        let absolute = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        let documents: [JSONValue]
        do {
            let bytes = try FileAccess.read(absolute)
            bytesRead.append(bytes)
            documents = try YAMLDocuments.read(String(decoding: bytes, as: UTF8.self))
        } catch {
            fields.problem("templateFile", "\(error)")
            return nil
        }
        guard documents.count == 1, var document = documents.first else {
            fields.problem("templateFile", "\(path) must have one document, not \(documents.count)")
            return nil
        }
        if let template = document[path: "spec", "template"] { return template }
        document["apiVersion"] = nil
        document["kind"] = nil
        document["status"] = nil
        return document
    }

    private func decode(_ json: JSONValue, at path: FieldPath, _ fields: FileFields) -> PodTemplateSpec? {
        guard let structure = Schema.shared.structures["core.v1.PodTemplateSpec"] else { return nil }
        let findings = Schema.shared.check(json, structure: structure)
        for field in findings.unknownFields { problems.add(path.child(field), "unknown field") }
        for mismatch in findings.mismatches { problems.add(path, mismatch) }
        guard findings.isEmpty else { return nil }
        do {
            var template = try PodTemplateSpec(json: json)
            // A trial is one run: what ends stays ended.
            template.spec.restartPolicy = .never
            return template
        } catch {
            problems.add(path, "\(error)")
            return nil
        }
    }

    /// A container in place, e.g. the load's.
    func container(_ fields: FileFields, _ key: String, defaultName: String) -> Container? {
        guard var json = fields[key], let structure = Schema.shared.structures["core.v1.Container"] else { return nil }
        let path = fields.path.child(key)
        guard case .object = json else {
            problems.add(path, "must be an object")
            return nil
        }
        if json["name"] == nil { json["name"] = .string(defaultName) }
        let findings = Schema.shared.check(json, structure: structure)
        for field in findings.unknownFields { problems.add(path.child(field), "unknown field") }
        for mismatch in findings.mismatches { problems.add(path, mismatch) }
        guard findings.isEmpty else { return nil }
        do {
            return try Container(json: json)
        } catch {
            problems.add(path, "\(error)")
            return nil
        }
    }
}
