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

    /// Throws 404 where the path is none of theirs, and 406 where the client takes none of a document's forms.
    func answer(_ path: RequestPath, accept: String, ifNoneMatch: String) throws -> HTTPAnswer {
        let components = path.components
        switch (components.first, components.count) {
        case ("api", 1), ("apis", 1):
            let isCore = components[0] == "api"
            let whole = isCore ? discovery.aggregatedCore : discovery.aggregatedGroups
            return try Self.discovery(
                isCore ? discovery.coreVersions : discovery.groupList, aggregated: whole, accept: accept,
                ifNoneMatch: ifNoneMatch)
        case ("api", 2):
            guard let list = discovery.resources["/\(components[1])"] else { break }
            return try Self.discovery(list, accept: accept)
        case ("apis", 2):
            guard let group = discovery.groups[components[1]] else { break }
            return try Self.discovery(group, accept: accept)
        case ("apis", 3):
            guard let list = discovery.resources["\(components[1])/\(components[2])"] else { break }
            return try Self.discovery(list, accept: accept)
        case ("apis", 4) where path.text == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions":
            // Not in discovery. kubectl looks here before it says that a kind is unknown; there are none.
            return .json([
                "kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1",
                "metadata": ["resourceVersion": "1"], "items": [],
            ])
        case ("openapi", 2) where components[1] == "v3":
            try Self.requireJSON(accept)
            return Self.tagged(openAPIv3.value.index, contentType: "application/json", ifNoneMatch: ifNoneMatch)
        case ("openapi", 3...) where components[1] == "v3":
            let name = components.dropFirst(2).joined(separator: "/")
            guard let document = openAPIv3.value.documents[name] else { break }
            return try Self.openAPIv3(
                document, at: path.text, hash: path.query["hash"] ?? "", accept: accept, ifNoneMatch: ifNoneMatch)
        case ("openapi", 2) where components[1] == "v2":
            return try openAPIv2(accept: accept, ifNoneMatch: ifNoneMatch)
        case (nil, _):
            var answer = HTTPAnswer.json(["paths": .array(paths.map { .string($0) })])
            answer.isForPeople = true
            return answer
        default: break
        }
        throw APIError.unknownPath
    }

    /// A list of discovery in the form that is preferred: for everything at once where that is asked for, as JSON or
    /// YAML else. Protobuf has no message for the former, and who takes protobuf of the latter takes JSON, too.
    private static func discovery(
        _ list: JSONValue, aggregated: JSONValue? = nil, accept: String, ifNoneMatch: String = ""
    ) throws -> HTTPAnswer {
        let ranges = accept.isEmpty ? [MediaRange("*/*")] : MediaRange.preferred(accept)
        for range in ranges {
            if let aggregated, Discovery.isAggregated(range) {
                return tagged(aggregated, contentType: Discovery.aggregatedType, ifNoneMatch: ifNoneMatch)
            }
            guard range.parameters["as"] == nil else { continue }
            if range.isJSON { return .json(list) }
            if range.type == AnswerEncoding.yaml.rawValue { return try .object(list, .yaml) }
        }
        throw AnswerFormat.refusal(accepted: [AnswerEncoding.json, .yaml].map(\.rawValue))
    }

    private static func requireJSON(_ accept: String) throws(APIError) {
        guard !accept.isEmpty, !MediaRange.preferred(accept).contains(where: \.isJSON) else { return }
        throw AnswerFormat.refusal(accepted: [AnswerEncoding.json.rawValue])
    }

    /// A document of a group version. At the address that names its hash it never changes; an old address leads to the
    /// present one (kube-openapi `handler3`).
    private static func openAPIv3(
        _ document: [UInt8], at path: String, hash named: String, accept: String, ifNoneMatch: String
    ) throws(APIError) -> HTTPAnswer {
        try requireJSON(accept)
        var answer = tagged(document, contentType: "application/json", ifNoneMatch: ifNoneMatch)
        guard !named.isEmpty else { return answer }
        guard answer.entityTag == "\"\(named)\"" else {
            answer = HTTPAnswer(status: .movedPermanently, contentType: "text/plain", body: .bytes(ByteBuffer()))
            answer.location = "\(path)?hash=\(hash(document))"
            return answer
        }
        answer.isImmutable = true
        return answer
    }

    private func openAPIv2(accept: String, ifNoneMatch: String) throws(APIError) -> HTTPAnswer {
        for range in accept.isEmpty ? [MediaRange("*/*")] : MediaRange.preferred(accept) {
            if range.isJSON {
                return Self.tagged(openAPIv2.value.json, contentType: "application/json", ifNoneMatch: ifNoneMatch)
            }
            if OpenAPIv2.protobufTypes.contains(range.type) {
                return Self.tagged(
                    openAPIv2.value.protobuf, contentType: OpenAPIv2.protobufTypes[0], ifNoneMatch: ifNoneMatch)
            }
        }
        throw AnswerFormat.refusal(accepted: [AnswerEncoding.json.rawValue] + OpenAPIv2.protobufTypes.prefix(1))
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
        let isKnown = EntityTag.matches(tag, ifNoneMatch: ifNoneMatch)
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
