import Testing

@testable import KubernetesAPI

@Suite struct DocumentationTests {
    @Test func `fields are described where they stand, by their parent, or for all types`() throws {
        let documentation = SchemaDocumentation(
            """
            *: All.
              name: A name.
            Pod < Base: A pod.
              spec: Its: specification.
            Base: A base.
              extra: From the base.
            """)
        let pod = try #require(Schema.shared.structures["core.v1.Pod"])
        #expect(documentation.description(of: pod) == "A pod.")
        func said(_ name: String) throws -> String? {
            documentation.description(of: try #require(pod[name]), in: pod)
        }
        #expect(try said("spec") == "Its: specification.")
        #expect(try said("status") == nil)
        #expect(try said("kind") == "The kind of the object.")
    }

    @Test func `a field that Go inlines is described`() throws {
        let volume = try #require(Schema.shared.structures["core.v1.Volume"])
        let emptyDir = try #require(volume["emptyDir"])
        let text = SchemaDocumentation.shared.description(of: emptyDir, in: volume)
        #expect(text == "A new folder that ends with the pod.")
    }

    @Test(arguments: ["core.v1.Pod", "apps.v1.Deployment", "core.v1.Service", "core.v1.Event", "meta.v1.ObjectMeta"])
    func `everything below a served kind is described`(_ root: String) throws {
        var waiting = [root]
        var seen: Set<String> = []
        while let name = waiting.popLast() {
            guard seen.insert(name).inserted, let structure = Schema.shared.structures[name] else { continue }
            #expect(SchemaDocumentation.shared.description(of: structure) != nil, "\(name)")
            for field in structure.fields {
                #expect(
                    SchemaDocumentation.shared.description(of: field, in: structure) != nil, "\(name).\(field.name)")
                waiting += Self.structures(in: field.type)
            }
        }
        #expect(!seen.isEmpty)
    }

    private static func structures(in type: Schema.TypeReference) -> [String] {
        switch type {
        case .structure(let name): [name]
        case .list(let item), .map(let item): structures(in: item)
        case .enumeration, .scalar: []
        }
    }
}
