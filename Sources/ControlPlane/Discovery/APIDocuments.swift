import Crypto
import HTTPTypes
import KubernetesAPI
import NIOCore
import Synchronization

/// The documents by which clients learn what is served: discovery and OpenAPI. Made once; they never change while
/// the process runs.
struct APIDocuments: Sendable {
    private let catalogue: ResourceCatalogue
    private let discovery: Discovery
    /// Made when first asked for: a node that nobody applies to has no use for them.
    private let openAPIv2: OnDemand<OpenAPIv2>
    private let openAPIv3: OnDemand<OpenAPIv3>

    init(catalogue: ResourceCatalogue) {
        self.catalogue = catalogue
        discovery = Discovery(catalogue: catalogue)
        openAPIv2 = OnDemand { OpenAPIv2(catalogue: catalogue) }
        openAPIv3 = OnDemand { OpenAPIv3(catalogue: catalogue) }
    }

    /// Throws 404 where the path is none of theirs.
    func answer(_ path: RequestPath, accept: String, ifNoneMatch: String) throws(APIError) -> HTTPAnswer {
        let components = path.components
        switch (components.first, components.count) {
        case ("api", 1), ("apis", 1):
            let isCore = components[0] == "api"
            if MediaRange.list(accept).contains(where: Discovery.isAggregated) {
                return Self.tagged(
                    isCore ? discovery.aggregatedCore : discovery.aggregatedGroups,
                    contentType: Discovery.aggregatedType, ifNoneMatch: ifNoneMatch)
            }
            return .json(isCore ? discovery.coreVersions : discovery.groupList)
        case ("api", 2):
            guard let list = discovery.resources["/\(components[1])"] else { break }
            return .json(list)
        case ("apis", 2):
            guard let group = discovery.groups[components[1]] else { break }
            return .json(group)
        case ("apis", 3):
            guard let list = discovery.resources["\(components[1])/\(components[2])"] else { break }
            return .json(list)
        case ("apis", 4) where path.text == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions":
            // Not in discovery. kubectl looks here before it says that a kind is unknown; there are none.
            return .json([
                "kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1",
                "metadata": ["resourceVersion": "1"], "items": [],
            ])
        case ("openapi", 2) where components[1] == "v3":
            return Self.tagged(openAPIv3.value.index, contentType: "application/json", ifNoneMatch: ifNoneMatch)
        case ("openapi", 3...) where components[1] == "v3":
            let name = components.dropFirst(2).joined(separator: "/")
            guard let document = openAPIv3.value.documents[name] else { break }
            return Self.tagged(document, contentType: "application/json", ifNoneMatch: ifNoneMatch)
        case ("openapi", 2) where components[1] == "v2":
            let wantsProtobuf = MediaRange.list(accept).contains { $0.type == OpenAPIv2.protobufType }
            return Self.tagged(
                wantsProtobuf ? openAPIv2.value.protobuf : openAPIv2.value.json,
                contentType: wantsProtobuf ? "application/octet-stream" : "application/json",
                ifNoneMatch: ifNoneMatch)
        case (nil, _): return .json(["paths": .array(paths.map { .string($0) })])
        default: break
        }
        throw .unknownPath
    }

    private var paths: [String] {
        var paths = ["/api", "/api/v1", "/apis"]
        for (group, version) in catalogue.groupVersions where !group.isEmpty {
            paths += ["/apis/\(group)", "/apis/\(group)/\(version)"]
        }
        return paths + ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
    }

    /// An answer with an entity tag, or 304 where the client has it already.
    static func tagged(_ value: JSONValue, contentType: String, ifNoneMatch: String) -> HTTPAnswer {
        tagged(value.bytes, contentType: contentType, ifNoneMatch: ifNoneMatch)
    }

    static func tagged(_ bytes: [UInt8], contentType: String, ifNoneMatch: String) -> HTTPAnswer {
        let tag = "\"\(hash(bytes))\""
        let isKnown = ifNoneMatch == tag
        var answer = HTTPAnswer(
            status: isKnown ? .notModified : .ok, contentType: contentType,
            body: .bytes(isKnown ? ByteBuffer() : ByteBuffer(bytes: bytes)))
        answer.entityTag = tag
        return answer
    }

    static func hash(_ bytes: [UInt8]) -> String {
        SHA512.hash(data: bytes).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
    }
}

/// A value that is made when it is first needed, once.
private final class OnDemand<Value: Sendable>: Sendable {
    private let made = Mutex<Value?>(nil)
    private let make: @Sendable () -> Value

    init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    var value: Value {
        made.withLock { made in
            if let made { return made }
            let value = make()
            made = value
            return value
        }
    }
}
