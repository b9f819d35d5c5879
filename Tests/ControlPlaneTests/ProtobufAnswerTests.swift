import AsyncHTTPClient
import Fuzzing
import KubernetesAPI
import NIOCore
import NIOHTTP1
import Testing

@testable import ControlPlane

/// Objects, lists, watches and refusals in protobuf, for who prefers it.
@Suite struct ProtobufAnswerTests {
    private static let type = "application/vnd.kubernetes.protobuf"
    private static let accept = [("accept", "application/vnd.kubernetes.protobuf,application/json")]

    // MARK: The transcoder

    /// An object of a kind that no part of the transcoder may lose anything of.
    private struct RandomObject {
        var generator: SeededGenerator

        mutating func value(of type: Schema.TypeReference, _ depth: Int) -> JSONValue? {
            switch type {
            case .scalar(let scalar):
                switch scalar {
                case .string: return .string("s\(Int.random(in: 0...9999, using: &generator)) ü")
                case .duration: return .string("\(Int.random(in: 1...9, using: &generator))ns")
                case .int32: return .integer(Int64(Int32.random(in: .min ... .max, using: &generator)))
                case .int64: return .integer(Int64.random(in: .min ... .max, using: &generator))
                case .boolean: return .bool(Bool.random(using: &generator))
                case .double: return .number(Double(Int.random(in: -99...99, using: &generator)) + 0.5)
                case .bytes: return "AAH/"
                case .quantity: return "1500m"
                case .intOrString:
                    return Bool.random(using: &generator)
                        ? .integer(Int64.random(in: -9...9, using: &generator)) : "25%"
                case .time: return "1969-12-31T23:59:58Z"
                case .microTime:
                    return Bool.random(using: &generator)
                        ? "2026-01-02T03:04:05.000006Z" : "1960-01-02T03:04:05.000006Z"
                case .raw, .object: return ["f:a": [1, "b", nil]]
                }
            case .enumeration(_, let values, _):
                return .string(values.filter { !$0.isEmpty }.randomElement(using: &generator) ?? "x")
            case .list(let item):
                let items = depth > 0 ? (0..<2).compactMap { _ in value(of: item, depth - 1) } : []
                return items.isEmpty ? nil : .array(items)
            case .map(let item):
                return depth > 0 ? value(of: item, depth - 1).map { ["k/ey": $0, "": $0] } : nil
            case .structure(let name):
                guard depth > 0, let structure = Schema.shared.structures[name] else { return [:] }
                var object = JSONObject()
                for field in structure.fields where Int.random(in: 0..<2, using: &generator) == 0 {
                    if field.number != nil { object[field.name] = value(of: field.type, depth - 1) }
                }
                return .object(object)
            }
        }
    }

    @Test func everyKindComesBackAsItWentIn() throws {
        var random = RandomObject(generator: SeededGenerator(seed: 50))
        let others = [Status.groupVersionKind, DeleteOptions.groupVersionKind, Scale.groupVersionKind]
        for kind in ResourceCatalogue.shared.resources.map(\.kind) + others {
            let structure = try #require(Schema.shared.structure(of: kind))
            for _ in 0..<20 {
                let value = random.value(of: .structure(structure.name), 8)
                var object = try #require(value?.objectValue)
                object["apiVersion"] = .string(kind.apiVersion)
                object["kind"] = .string(kind.kind)
                let bytes = try ProtobufEncoder.encode(.object(object))
                #expect(try ProtobufDecoder.decode(bytes) == .object(object), "\(kind)")
            }
        }
    }

    @Test func theBytesAreThoseOfKubernetes() throws {
        let object: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a", "creationTimestamp": nil],
            "data": ["k": "v"], "immutable": false,
        ]
        let expected: [UInt8] =
            Array("k8s\0".utf8) + [0x0A, 15, 0x0A, 2] + Array("v1".utf8) + [0x12, 9] + Array("ConfigMap".utf8)
            + [0x12, 15]  // the object: metadata, data, immutable
            + [0x0A, 3, 0x0A, 1] + Array("a".utf8)
            + [0x12, 6, 0x0A, 1] + Array("k".utf8) + [0x12, 1] + Array("v".utf8)
            + [0x20, 0] + [0x1A, 0, 0x22, 0]
        #expect(try ProtobufEncoder.encode(object) == expected)
    }

    @Test(
        arguments: [
            ("30s", 30_000_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000), ("-2ms", -2_000_000),
            ("0", 0), ("7ns", 7), ("", nil), ("s", nil), ("1", nil), ("1d", nil), ("1e400h", nil), ("9999999h", nil),
            ("1s ", nil), ("٣s", nil),
        ] as [(String, Int64?)])
    func durationsAreGos(_ text: String, _ nanoseconds: Int64?) { #expect(GoDuration.nanoseconds(text) == nanoseconds) }

    // MARK: On the wire

    private func map(_ name: String) -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = "default"
        map.metadata.labels = ["of": "test"]
        map.data = ["key": String(repeating: name, count: 100)]
        return map
    }

    /// The items of a list in an envelope.
    private func items(_ bytes: [UInt8], of kind: String) throws -> (metadata: JSONValue?, items: [JSONValue]) {
        let envelope = try ProtobufEnvelope(bytes)
        #expect(envelope.kind.kind == kind + "List")
        let itemKind = GroupVersionKind(group: envelope.kind.group, version: envelope.kind.version, kind: kind)
        var reader = ProtobufReader(envelope.raw)
        var metadata: JSONValue?
        var items: [JSONValue] = []
        while let (number, value) = try reader.next() {
            guard case .bytes(let content) = value else { continue }
            if number == 1 {
                let kind = GroupVersionKind(group: "", version: "v1", kind: "ListMeta")
                metadata = try ProtobufDecoder.decode(ProtobufEnvelope.wrap(Array(content), of: kind))
            } else {
                items.append(try ProtobufDecoder.decode(ProtobufEnvelope.wrap(Array(content), of: itemKind)))
            }
        }
        return (metadata, items)
    }

    @Test func objectsListsAndRefusalsAreAnsweredInProtobuf() async throws {
        try await TestCluster.run { cluster in
            for index in 0..<30 { _ = try await cluster.client.create(map("map-\(10 + index)")) }
            try await cluster.withClient { client in
                let url = cluster.server + "/api/v1/namespaces/default/configmaps"
                let one = try await client.answer(.GET, url + "/map-10", Self.accept)
                #expect(one.header("content-type") == Self.type)
                let plain = try await client.answer(.GET, url + "/map-10")
                var expected = try JSONParser.parse(plain.bytes)
                #expect(try ProtobufDecoder.decode(one.bytes) == expected)

                let page = try await client.answer(.GET, url + "?limit=10&labelSelector=of%3Dtest", Self.accept)
                #expect(page.header("content-type") == Self.type)
                let list = try items(page.bytes, of: "ConfigMap")
                #expect(list.items.count == 10 && list.metadata?["continue"]?.stringValue?.isEmpty == false)
                #expect(list.items.first?[path: "metadata", "name"] == "map-10")
                let all = try await client.answer(.GET, url, Self.accept)
                #expect(all.header("content-length") == String(all.bytes.count))
                #expect(try items(all.bytes, of: "ConfigMap").items.count >= 30)

                let partial = try await client.answer(
                    .GET, url,
                    [("accept", "\(Self.type);as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json")])
                #expect(partial.header("content-type") == Self.type)
                let metadata = try items(partial.bytes, of: "PartialObjectMetadata").items
                expected = ["metadata": expected["metadata"] ?? nil]
                expected["kind"] = "PartialObjectMetadata"
                expected["apiVersion"] = "meta.k8s.io/v1"
                #expect(metadata.contains(expected))

                let missing = try await client.answer(.GET, url + "/none", Self.accept)
                #expect(missing.code == 404 && missing.header("content-type") == Self.type)
                let status = try ProtobufDecoder.decode(missing.bytes)
                #expect(status["kind"] == "Status" && status["reason"] == "NotFound")
                #expect(status["message"] == #"configmaps "none" not found"#)

                // Of a Table there is no protobuf: the next that is wanted is taken.
                let table = try await client.answer(
                    .GET, url, [("accept", "\(Self.type);as=Table;g=meta.k8s.io;v=v1,application/json")])
                #expect(table.header("content-type") == "application/json")
            }
        }
    }

    /// Takes a watch's body apart.
    private func frames(_ count: Int, of response: HTTPClientResponse) async throws -> [(String, JSONValue)] {
        var buffer = ByteBuffer()
        var frames: [(String, JSONValue)] = []
        for try await var part in response.body {
            buffer.writeBuffer(&part)
            while let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
                buffer.readableBytes >= 4 + Int(length)
            {
                buffer.moveReaderIndex(forwardBy: 4)
                var reader = ProtobufReader((buffer.readBytes(length: Int(length)) ?? [])[...])
                var (type, object) = ("", JSONValue.null)
                while let (number, value) = try reader.next() {
                    guard case .bytes(let content) = value else { continue }
                    if number == 1 { type = try value.text() }
                    var raw = ProtobufReader(content)
                    if number == 2, let (_, value) = try raw.next(), case .bytes(let bytes) = value {
                        object = try ProtobufDecoder.decode(Array(bytes))
                    }
                }
                frames.append((type, object))
            }
            if frames.count >= count { break }
        }
        return frames
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func watchesAreFramed(_ asMetadata: Bool) async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                var request = HTTPClientRequest(
                    url: cluster.server + "/api/v1/namespaces/default/configmaps?watch=1&labelSelector=of%3Dtest"
                        + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
                let form = asMetadata ? ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1" : ""
                request.headers.add(name: "accept", value: Self.type + form)
                _ = try await cluster.client.create(map("first"))
                let response = try await client.execute(request, timeout: .seconds(30))
                #expect(response.headers.first(name: "content-type") == Self.type + ";stream=watch")
                var second = try await cluster.client.create(map("second"))
                second.metadata.labels = ["of": "others"]
                let changed = try await cluster.client.update(second)
                let frames = try await frames(4, of: response)
                #expect(frames.map(\.0) == ["ADDED", "BOOKMARK", "ADDED", "DELETED"])
                #expect(frames[0].1[path: "metadata", "name"] == "first")
                #expect(frames[0].1["kind"] == (asMetadata ? "PartialObjectMetadata" : "ConfigMap"))
                #expect((frames[0].1["data"] == nil) == asMetadata)
                #expect(frames[1].1["metadata"]?["annotations"]?["k8s.io/initial-events-end"] == "true")
                let left = frames[3].1["metadata"]
                #expect(left?["resourceVersion"]?.stringValue == changed.metadata.resourceVersion)
                #expect(left?["labels"]?["of"] == "test")
            }
        }
    }

    @Test func whatIsServedDecidesTheForm() throws {
        let protobuf = AnswerFormat(encoding: .protobuf)
        #expect(AnswerFormat(accept: "") == .json && AnswerFormat(accept: "*/*") == .json)
        #expect(AnswerFormat(accept: "text/html, */*;q=0.1") == .json)
        #expect(AnswerFormat(accept: "application/vnd.kubernetes.protobuf") == protobuf)
        #expect(AnswerFormat(accept: "application/json;q=0.5,application/vnd.kubernetes.protobuf") == protobuf)
        #expect(AnswerFormat(accept: "application/vnd.kubernetes.protobuf;q=0, application/json;q=0.1") == .json)
        #expect(AnswerFormat(accept: "application/yaml")?.encoding == .yaml)
        #expect(AnswerFormat(accept: "application/yaml", isWatch: true) == nil)
        #expect(AnswerFormat(accept: "application/json;stream=watch", isWatch: true) == .json)
        #expect(AnswerFormat(accept: "application/yaml;as=Table;g=meta.k8s.io;v=v1")?.form == .table)
        #expect(AnswerFormat(accept: "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1") == nil)
        #expect(AnswerFormat(accept: "application/json;as=Table;g=meta.k8s.io;v=v2") == nil)
        #expect(AnswerFormat(accept: "text/html") == nil && AnswerFormat(accept: ";;,=,q=") == nil)
        #expect(AnswerFormat(accept: "application/json;q=nan") == nil)
    }

    @Test func yamlIsAnsweredButNotWatched() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let url = cluster.server + "/api/v1/namespaces"
                let yaml = [("accept", "application/yaml")]
                let one = try await client.answer(.GET, url + "/default", yaml)
                #expect(one.header("content-type") == "application/yaml")
                #expect(try YAMLDocuments.read(one.text).first?[path: "metadata", "name"] == "default")
                let list = try await client.answer(.GET, url, yaml)
                #expect(try YAMLDocuments.read(list.text).first?["items"]?.arrayValue?.count == 4)
                let watch = try await client.answer(.GET, url + "?watch=1", yaml)
                #expect(watch.code == 406)
                #expect(watch.text.contains("application/vnd.kubernetes.protobuf;stream=watch"))
                let none = try await client.answer(.GET, url, [("accept", "text/html")])
                #expect(
                    try JSONParser.parse(none.bytes)["message"]?.stringValue == """
                        only the following media types are accepted: application/json, application/yaml, \
                        application/vnd.kubernetes.protobuf
                        """)
            }
        }
    }
}
