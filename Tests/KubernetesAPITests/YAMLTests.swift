import Fuzzing
import Testing

@testable import KubernetesAPI

@Suite struct YAMLReadingTests {
    @Test(
        arguments: [
            ("yes", .bool(true)), ("No", .bool(false)), ("on", .bool(true)), ("OFF", .bool(false)),
            ("true", .bool(true)),
            ("y", .bool(true)), ("\"yes\"", "yes"), ("'5'", "5"), ("5", 5), ("-5", -5), ("+5", 5), ("0644", 420),
            ("0o17", 15), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("1.5", .number(1.5)), ("1e3", .number(1000)),
            (".5", .number(0.5)), ("1.2.3", "1.2.3"), ("100m", "100m"), ("~", .null), ("null", .null), ("''", ""),
            ("2020-01-01", "2020-01-01"), ("1:30", "1:30"), ("08", .number(8)), ("-", [.null]),
            ("12e03", .number(12000)), ("!!str 5", "5"),
            ("0x", "0x"), ("tRue", "tRue"), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ] as [(String, JSONValue)])
    func scalars(text: String, value: JSONValue) throws {
        #expect(try YAMLDocuments.read("k: \(text == "-" ? "[~]" : text)") == [["k": value]])
    }

    @Test func documents() throws {
        let documents = try YAMLDocuments.read("---\na: 1\n---\n# nothing\n---\nb: [1, {c: d}]\n...\n")
        #expect(documents == [["a": 1], ["b": [1, ["c": "d"]]]])
        #expect(try YAMLDocuments.read("") == [])
        #expect(
            try YAMLDocuments.read(#"{"json": ["is", "yaml", true, null, 1.5]}"#) == [
                ["json": ["is", "yaml", true, nil, 1.5]]
            ])
    }

    @Test func keysBecomeStrings() throws {
        let documents = try YAMLDocuments.read("8080: a\non: b\n\"off\": c\n0x10: d\n~: e")
        #expect(documents == [["8080": "a", "true": "b", "off": "c", "16": "d", "null": "e"]])
    }

    @Test func aliasesAndMerges() throws {
        #expect(
            try YAMLDocuments.read("base: &b {x: 1, z: 2}\nuse:\n  <<: *b\n  z: 3\nlist: [*b]")
                == [["base": ["x": 1, "z": 2], "use": ["z": 3, "x": 1], "list": [["x": 1, "z": 2]]]])
    }

    @Test(arguments: [
        ("a: b\n c: d", "line 2: mapping values are not allowed"), ("a:\n\t- b", "line 2:"), ("a: [1", "line 2:"),
        ("a: 1\nb: 2\na: 3", "key \"a\" already set in map"), ("a: *x", "alias"), ("? {a: b}\n: c", "scalar"),
        ("a: .inf", "no form in JSON"), ("\"\\q\"", "line 1:"), ("a: b: c", "line 1:"),
    ])
    func errorsNameTheLine(text: String, part: String) throws {
        let error = #expect(throws: YAMLError.self) { try YAMLDocuments.read(text) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    /// As in `sigs.k8s.io/yaml`: what is a boolean, a number or nothing in YAML 1.1 is a string as a key.
    @Test(arguments: [
        ("yes: 1", #"{"true":1}"#), ("'yes': 1", #"{"yes":1}"#), ("NO: 1", #"{"false":1}"#),
        ("1.5: a", #"{"1.5":"a"}"#),
        ("-7: a", #"{"-7":"a"}"#), ("0b11: a", #"{"3":"a"}"#), ("2020-01-01: a", #"{"2020-01-01":"a"}"#),
        ("!!str 5: a", #"{"5":"a"}"#), ("\"\": a", #"{"":"a"}"#), ("? a\n: b", #"{"a":"b"}"#),
        ("a: !!int \"5\"", #"{"a":5}"#), ("a: &x 1\nb: *x", #"{"a":1,"b":1}"#),
        // Merge keys: what the map says itself counts more, of several bases the first.
        (
            "a: &a {x: 1, w: 1}\nb: &b {w: 2, z: 2}\nc: {<<: [*a, *b], x: 9}",
            #"{"a":{"x":1,"w":1},"b":{"w":2,"z":2},"c":{"x":9,"w":1,"z":2}}"#
        ),
        ("a: {\"<<\": 1}", #"{"a":{"<<":1}}"#),
        ("a: |\n  x: y\n\n  z\nb: >-\n  one\n  two\n", #"{"a":"x: y\n\nz\n","b":"one two"}"#),
        ("%YAML 1.1\n---\na: on\n", #"{"a":true}"#), ("\u{FEFF}a: 1", #"{"a":1}"#),
    ])
    func readsAsKubernetesDoes(text: String, json: String) throws {
        #expect(try YAMLDocuments.read(text) == [try JSONParser.parse(json.utf8)])
    }

    @Test(arguments: [
        "a: {<<: 1}", "a: {<<: [1]}", "? [a]\n: b", "[a, b]: c", "{a: 1}: c", "a: !!binary aGk=", "\tb: c",
        "a: b\n\tc: d",
        "a: [\n\t1,", "a: 'x", "a: \"x", "*a", "a: &a *a", "a: &a [*a]", "--- a: b: c", "%YAML 3.0\n---\na: 1", "a: @x",
        "a: `x`", "a: \u{0}", "a: -.inf", "a: .NaN", "a: 1\n'a': 2", "a: 1e999",
    ])
    func isRefused(text: String) {
        #expect(throws: YAMLError.self) { try YAMLDocuments.read(text) }
    }

    /// A key that is not marked as one has to end within 1,024 characters (YAML 1.1, section 7.4.2).
    @Test func longKeysHaveToSayThatTheyAreKeys() throws {
        let long = String(repeating: "k", count: 1024)
        #expect(try YAMLDocuments.read("\(long.dropLast()): 1") == [.object([String(long.dropLast()): 1])])
        #expect(throws: YAMLError.self) { try YAMLDocuments.read("\(long)k: 1") }
        #expect(try YAMLDocuments.read("? \(long)k\n: 1") == [.object([long + "k": 1])])
        // In JSON, which is YAML, too, they may be of any length.
        let much = String(repeating: "k", count: 100_000)
        #expect(try JSONParser.parse("{\"\(much)\":1}".utf8) == .object([much: 1]))
    }

    @Test(.timeLimit(.minutes(1))) func bombsAreRefused() throws {
        var bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...9 {
            let references = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(references)]\n"
        }
        #expect(throws: YAMLError.self) { try YAMLDocuments.read(bomb) }
        // As a key it would be compared before it is counted.
        #expect(throws: YAMLError.self) { try YAMLDocuments.read(bomb + "? *a9\n: x\n*a9 : y\n") }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: YAMLError.self) { try YAMLDocuments.read(deep) }
        let nested = String(repeating: "[", count: 600) + String(repeating: "]", count: 600)
        #expect(throws: YAMLError.self) { try YAMLDocuments.read(nested) }
    }
}

@Suite struct YAMLTextTests {
    @Test func asKubectlPrints() {
        let object: JSONValue = [
            "kind": "Pod", "apiVersion": "v1",
            "spec": ["containers": [["name": "c", "image": "i", "args": ["a", "b"], "env": []]], "x": [:]],
            "metadata": ["name": "p", "creationTimestamp": "2026-01-02T03:04:05Z"],
            "nested": [[1, 2], [[3]]],
        ]
        #expect(
            YAMLText.text(object) == """
                apiVersion: v1
                kind: Pod
                metadata:
                  creationTimestamp: "2026-01-02T03:04:05Z"
                  name: p
                nested:
                - - 1
                  - 2
                - - - 3
                spec:
                  containers:
                  - args:
                    - a
                    - b
                    env: []
                    image: i
                    name: c
                  x: {}

                """)
    }

    @Test(arguments: [
        ("plain", "plain"), ("", "\"\""), ("yes", "\"yes\""), ("5", "\"5\""), ("0644", "\"0644\""), ("1e3", "\"1e3\""),
        ("null", "\"null\""), ("a: b", "'a: b'"), ("a #b", "'a #b'"), ("#b", "'#b'"), ("- a", "'- a'"), ("-a", "-a"),
        ("it's", "it's"), ("'q'", "'''q'''"), (" a", "' a'"), ("a ", "'a '"), ("*x", "'*x'"), ("{a}", "'{a}'"),
        ("a\tb", "\"a\\tb\""), ("1:30", "\"1:30\""), ("http://x:80/y", "http://x:80/y"), ("x:", "'x:'"), ("ü", "ü"),
        ("\u{7}", "\"\\x07\""), ("100m", "100m"), ("25%", "25%"), ("%x", "'%x'"), ("@", "'@'"), ("<<", "\"<<\""),
    ])
    func strings(value: String, text: String) throws {
        #expect(YAMLText.text(["k": .string(value)]) == "k: \(text)\n")
        #expect(try YAMLDocuments.read(YAMLText.text(["k": .string(value)])) == [["k": .string(value)]])
    }

    @Test(arguments: [
        "a\nb\n", "a\nb", "a\n\nb\n\n", "\n", "\na", "  lead\nx", "a \nb", "tab\there\n", "a\n b\n", "trailing \n",
        "#!/bin/sh\necho: 'x'\n", "\r\n", "a\n\n\n", " ", "\n\n", "line\n\u{7}",
    ])
    func linesComeBack(value: String) throws {
        for object in [["k": .string(value)], ["a": ["b": [["c": .string(value), "d": 1], .string(value)]]]]
            as [JSONValue]
        {
            #expect(try YAMLDocuments.read(YAMLText.text(object)) == [object], "\(YAMLText.text(object))")
        }
        #expect(try YAMLDocuments.read(YAMLText.text(.string(value))) == [.string(value)])
    }

    @Test func blockTextHasKubectlsForm() {
        #expect(YAMLText.text(["data": ["f": "a\nb\n"]]) == "data:\n  f: |\n    a\n    b\n")
        #expect(YAMLText.text(["data": ["f": "a\nb"]]) == "data:\n  f: |-\n    a\n    b\n")
    }

    @Test func everyValueComesBack() throws {
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<500 {
            let value = JSONValue.random(depth: 4, using: &generator)
            #expect(try YAMLDocuments.read(YAMLText.text(["v": value])) == [["v": value]])
        }
    }
}

extension JSONValue {
    static func random(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
        func text(_ generator: inout SeededGenerator) -> String {
            let alphabet = Array("ab yn019-:#'\"\n\t.{}[]&*!|>%@`,?=<~ü\u{1}e+_")
            return String(
                (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator) ?? "x"
                })
        }
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .bool(Bool.random(using: &generator))
        case 1: return .integer(Int64.random(in: -1000...1000, using: &generator))
        case 2: return .number(Double(Int.random(in: -1000...1000, using: &generator)) + 0.5)
        case 3...5: return .string(text(&generator))
        case 6:
            return .array(
                (0..<Int.random(in: 0...3, using: &generator)).map { _ in random(depth: depth - 1, using: &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                object[text(&generator)] = random(depth: depth - 1, using: &generator)
            }
            return .object(object)
        }
    }
}
