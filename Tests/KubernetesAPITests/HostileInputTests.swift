import Fuzzing
import Testing

@testable import KubernetesAPI

/// Seeded noise: nothing that comes from outside may trap, hang, or come back as something else.
@Suite struct HostileInputTests {
    private static let rounds = 3000

    private func noise(_ alphabet: String, _ generator: inout SeededGenerator, upTo length: Int = 24) -> String {
        let characters = Array(alphabet)
        return String(
            (0..<Int.random(in: 0...length, using: &generator)).map { _ in
                characters.randomElement(using: &generator) ?? "0"
            })
    }

    @Test func quantities() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<Self.rounds {
            let quantity = Quantity(noise("0123456789.+-eEinumkKMGTPi", &generator))
            guard let parsed = quantity.parsed else { continue }
            let again = Quantity(parsed.canonicalText)
            #expect(again.parsed?.nanos == parsed.nanos, "\(quantity.text)")
            #expect(again.canonical == parsed.canonicalText, "\(quantity.text)")
            _ = quantity.milliValue
            _ = quantity.value
            _ = (quantity + quantity).canonical
            _ = (quantity - again).canonical
        }
    }

    @Test func selectors() throws {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<Self.rounds {
            let text = noise("ab1=!,()<> inotx./-_", &generator)
            guard let matcher = try? LabelMatcher(parsing: text) else { continue }
            #expect(try LabelMatcher(parsing: matcher.description) == matcher, "\(text)")
            _ = matcher.matches(["a": "b"])
        }
        for _ in 0..<Self.rounds {
            let text = noise("metadata.name=!,\\ab", &generator)
            _ = try? FieldMatcher(parsing: text, kind: Pod.groupVersionKind)
        }
    }

    @Test func yamlAndJSON() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<Self.rounds {
            let text = noise("ab: -\n[]{},&*!|>'\"%?#<1~\t", &generator, upTo: 60)
            if let documents = try? YAMLDocuments.read(text) {
                for document in documents {
                    #expect(try YAMLDocuments.read(YAMLText.text(document)) == [document], "\(text.debugDescription)")
                }
            }
            _ = try? JSONParser.parse(noise("{}[]\",:tfn01.eE-\\u ", &generator, upTo: 40).utf8)
        }
    }

    @Test func patches() throws {
        var generator = SeededGenerator(seed: 4)
        let keys = [
            "spec", "metadata", "containers", "name", "env", "finalizers", "labels", "$patch", "$retainKeys", "ports",
            "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "$setElementOrder/finalizers",
            "containerPort", "template", "strategy",
        ]
        func value(_ depth: Int) -> JSONValue {
            switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &generator) {
            case 0: return .null
            case 1: return .integer(Int64.random(in: 0...3, using: &generator))
            case 2: return "delete"
            case 3: return "replace"
            case 4: return "a"
            case 5: return .array((0..<Int.random(in: 0...3, using: &generator)).map { _ in value(depth - 1) })
            default:
                var object = JSONObject()
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    object[keys.randomElement(using: &generator) ?? "spec"] = value(depth - 1)
                }
                return .object(object)
            }
        }
        let operations = ["add", "remove", "replace", "move", "copy", "test"]
        let pointers = ["", "/spec", "/spec/containers/0", "/spec/containers/-", "/metadata/labels/a", "/a~1b", "/0"]
        for _ in 0..<Self.rounds {
            let (object, patch) = (value(5), value(5))
            for kind in [Pod.groupVersionKind, Deployment.groupVersionKind] {
                if let patched = try? StrategicMergePatch.apply(patch, to: object, kind: kind) {
                    _ = Schema.shared.check(patched, kind: kind)
                    _ = Tables.row(of: patched, kind: kind, now: Timestamp(seconds: 0))
                }
                let made = ThreeWayPatch.make(original: object, modified: patch, current: value(4), kind: kind)
                _ = try? StrategicMergePatch.apply(made.patch, to: object, kind: kind)
            }
            _ = try? MergePatch.apply(patch, to: object)
            #expect(
                try MergePatch.apply(MergePatch.difference(from: ["k": object], to: ["k": object]), to: ["k": object])
                    == ["k": object])
            let list: [JSONValue] = (0..<4).map { _ in
                [
                    "op": .string(operations.randomElement(using: &generator) ?? "add"),
                    "path": .string(pointers.randomElement(using: &generator) ?? ""),
                    "from": .string(pointers.randomElement(using: &generator) ?? ""), "value": value(2),
                ]
            }
            _ = try? JSONPatch(.array(list)).apply(to: object)
        }
    }

    /// Any object that decodes can be defaulted, validated and printed.
    @Test func objects() throws {
        var generator = SeededGenerator(seed: 5)
        func random(_ type: Schema.TypeReference, _ depth: Int) -> JSONValue? {
            switch type {
            case .scalar(let scalar):
                switch scalar {
                case .string, .duration: return .string(noise("ab-./:0 A", &generator, upTo: 6))
                case .int32, .int64: return .integer(Int64.random(in: -2...70000, using: &generator))
                case .boolean: return .bool(Bool.random(using: &generator))
                case .double: return 1.5
                case .bytes: return "eA=="
                case .quantity: return .string(noise("0123456789miK.", &generator, upTo: 4))
                case .intOrString: return Bool.random(using: &generator) ? 5 : "25%"
                case .time, .microTime: return "2026-01-02T03:04:05Z"
                case .raw, .object: return [:]
                }
            case .enumeration(_, let values, _): return .string(values.randomElement(using: &generator) ?? "x")
            case .list(let item):
                return depth > 0 ? .array((0..<2).compactMap { _ in random(item, depth - 1) }) : []
            case .map(let item):
                return depth > 0 ? random(item, depth - 1).map { [noise("abc/", &generator, upTo: 4): $0] } : [:]
            case .structure(let name):
                guard depth > 0, let structure = Schema.shared.structures[name] else { return [:] }
                var object = JSONObject()
                for field in structure.fields where Int.random(in: 0..<3, using: &generator) == 0 {
                    object[field.name] = random(field.type, depth - 1)
                }
                return .object(object)
            }
        }
        for type in generatedKinds {
            let kind = type.groupVersionKind
            let structure = try #require(Schema.shared.structure(of: kind))
            for _ in 0..<60 {
                guard let json = random(.structure(structure.name), 9) else { continue }
                #expect(Schema.shared.check(json, kind: kind).unknownFields.isEmpty)
                guard let decoded = try? Kinds.decode(json, as: kind) else { continue }
                let object = Kinds.defaulted(decoded)
                #expect(Kinds.defaulted(object).json == object.json, "defaults of \(kind) are not stable")
                _ = try? Validation.validateCreate(object)
                _ = try? Validation.validateUpdate(object, from: decoded)
                _ = Validation.warnings(for: object)
                _ = Tables.row(of: object.json, kind: kind, now: Timestamp(seconds: 0))
                #expect(try YAMLDocuments.read(YAMLText.text(object.json)) == [object.json])
            }
        }
    }
}
