import Foundation
import Testing

@testable import KubernetesAPI

@Suite struct ExampleTests {
    /// Every manifest in `examples/` is one that the API server takes without a word.
    @Test func examplesAreValid() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "examples")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(files.count >= 3)
        for file in files {
            for document in try YAMLDocuments.read(String(contentsOf: file, encoding: .utf8)) {
                let kind = GroupVersionKind(
                    apiVersion: document["apiVersion"]?.stringValue ?? "", kind: document["kind"]?.stringValue ?? "")
                #expect(Schema.shared.check(document, kind: kind).isEmpty, "\(file.lastPathComponent)")
                var namespaced = document
                if Schema.shared.resource(of: kind)?.namespaced == true {
                    namespaced["metadata"]?["namespace"] = "default"
                }
                let decoded = try #require(try Kinds.decode(namespaced, as: kind), "\(kind)")
                let object = Kinds.defaulted(decoded, isNew: true)
                try Validation.validateCreate(object)
                #expect(Validation.warnings(for: object).isEmpty, "\(file.lastPathComponent)")
            }
        }
    }
}
