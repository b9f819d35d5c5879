import Foundation
import Fuzzing
import Testing

@testable import KubernetesAPI

/// Inputs made from the corpus in the repository, the same ones in every run. Nothing may trap or hang, and what is
/// taken has to come back as it was written. `FUZZ_ROUNDS` makes more of them.
@Suite(.timeLimit(.minutes(5))) struct FuzzTests {
    static let rounds = ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 4000

    private func fuzz(
        _ format: String, _ tokens: [String], seed: UInt64, _ body: ([UInt8]) throws -> Void
    ) async throws {
        var mutator = Mutator(try Corpus(format), tokens: tokens, seed: seed)
        for _ in 0..<Self.rounds {
            try body(mutator.next())
            // Other tests' deadlines go on meanwhile.
            await Task.yield()
        }
    }

    @Test func json() async throws {
        let tokens = ["{", "}", "[", "]", "\"", ":", ",", "\\u", "\\ud83d", "1e", "-", "null", "0", "e999", "\\"]
        try await fuzz("json", tokens, seed: 101) { (bytes: [UInt8]) throws in
            guard let (value, duplicates) = try? JSONParser.parseNotingDuplicates(bytes) else { return }
            // By text: 1e3 is written as 1000.
            let again = try JSONParser.parse(value.bytes)
            #expect(again.bytes == value.bytes, "\(String(decoding: bytes, as: UTF8.self))")
            #expect(duplicates.count <= 100)
            _ = Schema.shared.check(value, kind: Pod.groupVersionKind)
            // YAML reads no simple key of more than 1,024 characters.
            guard bytes.count < 1000 else { return }
            #expect(try YAMLDocuments.read(YAMLText.text(["v": again])) == [["v": again]])
        }
    }

    @Test func yaml() async throws {
        let tokens = [
            "- ", ": ", "&a ", "*a", "<<: ", "? ", "| ", ">-\n", "\n", "\t", "---\n", "!!", "{", "[", "'", "\"", "#",
        ]
        try await fuzz("yaml", tokens, seed: 102) { (bytes: [UInt8]) throws in
            guard let documents = try? YAMLDocuments.read(String(decoding: bytes, as: UTF8.self)) else { return }
            for document in documents {
                #expect(try YAMLDocuments.read(YAMLText.text(document)) == [document])
                #expect(try JSONParser.parse(document.bytes) == document)
            }
        }
    }

    @Test func patches() async throws {
        let tokens = [
            "\"$patch\":\"delete\"", "\"$retainKeys\":[]", "\"$setElementOrder/containers\":[]", "null", "\"-\"",
            "\"/\"",
            "{}", "[]", ",", "\"name\":\"a\"", "\"op\":\"move\"", "\"from\":\"/spec\"", "\"path\":\"\"",
        ]
        try await fuzz("patches", tokens, seed: 103) { (bytes: [UInt8]) throws in
            guard let entry = try? JSONParser.parse(bytes), let object = entry["object"], let patch = entry["patch"]
            else { return }
            let kind = GroupVersionKind(
                apiVersion: entry["apiVersion"]?.stringValue ?? "", kind: entry["kind"]?.stringValue ?? "")
            var results = [JSONValue]()
            // Whatever it says it is, it is tried as each kind of patch.
            if let result = try? StrategicMergePatch.apply(patch, to: object, kind: kind) { results.append(result) }
            if let result = try? MergePatch.apply(patch, to: object) { results.append(result) }
            if let result = try? JSONPatch(patch).apply(to: object) { results.append(result) }
            for result in results {
                #expect(try JSONParser.parse(result.bytes) == result)
                _ = Schema.shared.check(result, kind: kind)
            }
        }
    }

    /// Configurations that are applied one after the other, whatever they are: what is taken is the same the second time,
    /// and who owns what is what the object has.
    @Test func applies() async throws {
        let tokens = [
            "null", "{}", "[]", ",", "\"name\":\"a\"", "\"data\":", "\"spec\":", "\"metadata\":",
            "\"managedFields\":", "\"fieldsV1\":", "\"f:data\":", "\".\":{}", "\"k:{\\\"name\\\":\\\"a\\\"}\":",
            "\"v:\\\"x\\\"\":{}", "\"i:0\":{}", "\"finalizers\":[\"x\",\"x\"]", "\"operation\":\"Apply\"",
        ]
        var taken = 0
        try await fuzz("apply", tokens, seed: 106) { (bytes: [UInt8]) throws in
            guard let entry = try? JSONParser.parse(bytes) else { return }
            let kind = GroupVersionKind(
                apiVersion: entry["apiVersion"]?.stringValue ?? "", kind: entry["kind"]?.stringValue ?? "")
            guard Schema.shared.resource(of: kind) != nil else { return }
            var live = entry["live"]
            if case .object? = live {} else { live = nil }
            for (index, configuration) in (entry["applied"]?.arrayValue ?? []).enumerated() {
                let apply = ServerSideApply(
                    kind: kind, manager: FieldManager("m\(index % 2)", .apply, apiVersion: kind.apiVersion),
                    force: index > 0, ignoring: FieldSet([["status"]]), time: "T\(index)")
                guard let result = try? apply.apply(configuration, to: live) else { continue }
                taken += 1
                #expect(ManagedFields(json: result.managed.json)?.json == result.managed.json, "\(entry.text)")
                let object = Self.stored(result)
                #expect(try JSONParser.parse(object.bytes) == object)
                _ = Schema.shared.check(object, kind: kind)
                // An object that nobody owns anything of is taken over by `before-first-apply` when it is next applied to.
                guard !result.managed.isEmpty else {
                    live = object
                    continue
                }
                // Later, but nothing has changed: neither the object nor who owns what since when.
                var again = apply
                again.time = "later"
                let same = try again.apply(configuration, to: object)
                #expect(
                    Self.stored(same) == object && same.managed == ManagedFields(json: result.managed.json),
                    "\(entry.text)")
                // Who applies a null owns that there is nothing.
                guard !configuration.text.contains("null") else {
                    live = object
                    continue
                }
                let owned = result.managed.fields(of: apply.manager) ?? FieldSet()
                #expect(FieldSet(of: result.object, kind: kind).isSuperset(of: owned), "\(entry.text)")
                live = object
            }
        }
        #expect(taken > Self.rounds / 20)
    }

    /// As the API stores it: what is null is not there.
    private static func stored(_ result: ServerSideApply.Result) -> JSONValue {
        func withoutNulls(_ value: JSONValue) -> JSONValue {
            switch value {
            case .array(let items): return .array(items.map(withoutNulls))
            case .object(let members):
                return .object(JSONObject(members.members.filter { $0.value != .null }.mapValues(withoutNulls)))
            default: return value
            }
        }
        var object = withoutNulls(result.object)
        if object["metadata"]?.objectValue == nil { object["metadata"] = [:] }
        object["metadata"]?["managedFields"] = result.managed.json
        return object
    }

    /// What clients may write into `managedFields` themselves.
    @Test func fieldSets() async throws {
        let tokens = [
            "{}", "[]", "null", "0", "\".\":{}", "\".\":1", "\"f:a\":{}", "\"f:\":{}", "\"\":{}", "\"k:{\":{}",
            "\"k:{\\\"a\\\":1}\":", "\"v:\":{}", "\"i:-1\":{}", "\"x\":", ",",
        ]
        var last = FieldSet()
        try await fuzz("fieldsv1", tokens, seed: 107) { (bytes: [UInt8]) throws in
            guard let value = try? JSONParser.parse(bytes) else { return }
            let fields = FieldSet(json: value)
            #expect(FieldSet(json: fields.json) == fields)
            for path in fields.paths { _ = path.description }
            for other in [fields, last] {
                var union = fields
                union.formUnion(other)
                #expect(union.isSuperset(of: fields) && union.isSuperset(of: other), "\(fields.json.text)")
                let common = fields.intersection(other)
                #expect(fields.isSuperset(of: common) && other.isSuperset(of: common), "\(fields.json.text)")
                var rest = fields
                rest.subtract(other)
                #expect(rest.isDisjoint(with: other), "\(fields.json.text) \(other.json.text)")
                rest.subtractTrees(other)
            }
            last = fields
            let entry: JSONValue = [
                "manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": value,
            ]
            guard let managed = ManagedFields(json: [entry]) else { return }
            let object: JSONValue = ["metadata": ["name": "a", "managedFields": [entry]], "data": ["a": "1"]]
            _ = managed.all
            let apply = ServerSideApply(
                kind: ConfigMap.groupVersionKind, manager: FieldManager("n", .apply, apiVersion: "v1"), force: true,
                time: "T")
            let result = try apply.apply(
                ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"], "data": ["a": "2"]], to: object)
            #expect(result.object["data"] == ["a": "2"], "\(value.text)")
        }
    }

    @Test func selectors() async throws {
        let tokens = ["=", "==", "!=", " in ", " notin ", "(", ")", ",", "!", ">", "<", "\\", ".", "/", " "]
        try await fuzz("selectors", tokens, seed: 104) { (bytes: [UInt8]) throws in
            let text = String(decoding: bytes, as: UTF8.self)
            if let matcher = try? LabelMatcher(parsing: text) {
                #expect(try LabelMatcher(parsing: matcher.description) == matcher, "\(text.debugDescription)")
                _ = matcher.matches(["a": "1"])
            }
            _ = try? FieldMatcher(parsing: text, kind: Pod.groupVersionKind)
        }
    }

    @Test func quantities() async throws {
        let tokens = ["e", "E", "Ki", "Ei", "m", "n", ".", "-", "+", "9999999999", "0000000000"]
        try await fuzz("quantities", tokens, seed: 105) { (bytes: [UInt8]) throws in
            let quantity = Quantity(String(decoding: bytes, as: UTF8.self))
            guard let parsed = quantity.parsed else { return }
            let again = Quantity(parsed.canonicalText)
            #expect(again.parsed?.nanos == parsed.nanos, "\(quantity.text)")
            _ = (quantity + again).canonical
            _ = (quantity - again).milliValue
        }
    }

    // MARK: Large, and cheap to make

    /// What takes a time that grows with the square of the input's size takes minutes here.
    @Test(.timeLimit(.minutes(1))) func muchOfTheSameIsNotSlow() throws {
        let many = 30_000
        let items: [JSONValue] = (0..<many).map { ["name": .string("n\($0)"), "image": "i"] }
        let object: JSONValue = ["spec": ["containers": .array(items)], "data": ["k": .string("v")]]
        let patched = try StrategicMergePatch.apply(
            ["spec": ["containers": .array(items.reversed())]], to: object, kind: Pod.groupVersionKind)
        #expect(patched["spec"]?["containers"]?.arrayValue?.count == many)
        let deleted = try StrategicMergePatch.apply(
            ["spec": ["containers": .array(items.map { ["$patch": "delete", "name": $0["name"] ?? ""] })]], to: object,
            kind: Pod.groupVersionKind)
        #expect(deleted["spec"]?["containers"] == [])
        let operations: [JSONValue] = (0..<10_000).map { _ in
            ["op": "add", "path": "/spec/containers/-", "value": 1]
        }
        let grown = try JSONPatch(.array(operations)).apply(to: object)
        #expect(grown["spec"]?["containers"]?.arrayValue?.count == many + 10_000)
    }

    @Test func aPatchDoesNotGrowAnObjectWithoutBounds() throws {
        let text = String(repeating: "x", count: 1 << 20)
        let copies: [JSONValue] = (0..<100).map { ["op": "copy", "from": "/a", "path": .string("/b\($0)")] }
        #expect(throws: PatchError.self) { try JSONPatch(.array(copies)).apply(to: ["a": .string(text)]) }
        // Deeper with each operation.
        let deeper: [JSONValue] = (0..<600).map { depth in
            ["op": "add", "path": .string(String(repeating: "/a", count: depth + 1)), "value": [:]]
        }
        #expect(throws: PatchError.self) { try JSONPatch(.array(deeper)).apply(to: [:]) }
        _ = try JSONPatch(.array(Array(deeper.prefix(500)))).apply(to: [:])
        // And by what is moved to the bottom of something deep.
        let chain = deeper.prefix(300)
        let other = chain.map { operation -> JSONValue in
            ["op": "add", "path": .string("/b" + (operation["path"]?.stringValue ?? "").dropFirst(2)), "value": [:]]
        }
        let bottom = "/b" + String(repeating: "/a", count: 299) + "/z"
        let move: JSONValue = ["op": "move", "from": "/a", "path": .string(bottom)]
        #expect(throws: PatchError.self) { try JSONPatch(.array(chain + other + [move])).apply(to: [:]) }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsWrongInManyPlacesIsSaidInAFew() throws {
        let key = String(repeating: "k", count: 100_000)
        let twice = "{\"\(key)\":{" + (0..<50_000).map { "\"a\($0 % 2)\":1" }.joined(separator: ",") + "}}"
        let (_, duplicates) = try JSONParser.parseNotingDuplicates(twice.utf8)
        #expect((1...100).contains(duplicates.count))
        #expect(duplicates.reduce(0) { $0 + $1.utf8.count } < 1 << 20)

        let kind = SubjectAccessReview.groupVersionKind
        let wrong: JSONValue = ["spec": ["extra": [key: .array(Array(repeating: 1, count: 50_000))]]]
        let findings = Schema.shared.check(wrong, kind: kind)
        #expect((1...100).contains(findings.mismatches.count))
        var unknown = JSONObject()
        for index in 0..<50_000 { unknown["x\(index)"] = 1 }
        unknown["spec"] = 1
        let mixed = Schema.shared.check(.object(unknown), kind: kind)
        #expect(mixed.unknownFields.count <= 100 && mixed.mismatches.count == 1)

        let containers = JSONValue.array(Array(repeating: [:], count: 50_000))
        let pod = Schema.shared.check(["spec": ["containers": containers]], kind: Pod.groupVersionKind)
        #expect(pod.mismatches == ["the object has more than 20000 parts"])
    }
}
