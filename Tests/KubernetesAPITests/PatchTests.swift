import Testing

@testable import KubernetesAPI

@Suite struct JSONPatchTests {
    /// Most are the examples of RFC 6902, appendix A, and RFC 6901, section 5.
    @Test(arguments: [
        (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz","value":"qux"}]"#, #"{"baz":"qux","foo":"bar"}"#),
        (#"{"foo":["bar","baz"]}"#, #"[{"op":"add","path":"/foo/1","value":"qux"}]"#, #"{"foo":["bar","qux","baz"]}"#),
        (#"{"baz":"qux","foo":"bar"}"#, #"[{"op":"remove","path":"/baz"}]"#, #"{"foo":"bar"}"#),
        (#"{"foo":["bar","qux","baz"]}"#, #"[{"op":"remove","path":"/foo/1"}]"#, #"{"foo":["bar","baz"]}"#),
        (#"{"baz":"qux"}"#, #"[{"op":"replace","path":"/baz","value":"boo"}]"#, #"{"baz":"boo"}"#),
        (
            #"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            #"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            #"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#
        ),
        (
            #"{"foo":["all","grass","cows","eat"]}"#, #"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            #"{"foo":["all","cows","eat","grass"]}"#
        ),
        (
            #"{"baz":"qux","foo":["a",2,"c"]}"#,
            #"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#,
            #"{"baz":"qux","foo":["a",2,"c"]}"#
        ),
        (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/child","value":{"g":{}}}]"#, #"{"child":{"g":{}},"foo":"bar"}"#),
        (#"{"foo":["bar"]}"#, #"[{"op":"add","path":"/foo/-","value":["abc"]}]"#, #"{"foo":["bar",["abc"]]}"#),
        (#"{"/":9,"~1":10}"#, #"[{"op":"test","path":"/~01","value":10}]"#, #"{"/":9,"~1":10}"#),
        (#"{"a/b":1,"":2}"#, #"[{"op":"remove","path":"/a~1b"},{"op":"replace","path":"/","value":3}]"#, #"{"":3}"#),
        (#"{"a":{"b":1}}"#, #"[{"op":"copy","from":"/a","path":"/c"}]"#, #"{"a":{"b":1},"c":{"b":1}}"#),
        (#"{"a":1}"#, #"[{"op":"add","path":"","value":{"b":2}}]"#, #"{"b":2}"#),
        (#"{"a":1}"#, #"[{"op":"test","path":"/none","value":null}]"#, #"{"a":1}"#),
        (#"{"a":1}"#, #"[{"op":"test","path":"/a","value":1.0}]"#, #"{"a":1}"#),
    ])
    func applied(document: String, patch: String, result: String) throws {
        let patched = try JSONPatch(JSONParser.parse(patch.utf8)).apply(to: JSONParser.parse(document.utf8))
        #expect(try patched == JSONParser.parse(result.utf8))
    }

    @Test(arguments: [
        (#"{"foo":"bar"}"#, #"[{"op":"test","path":"/foo","value":"x"}]"#, PatchError.Kind.inapplicable),
        (#"{"foo":"bar"}"#, #"[{"op":"add","path":"/baz/bat","value":"qux"}]"#, .inapplicable),
        (#"{"foo":[1]}"#, #"[{"op":"add","path":"/foo/2","value":2}]"#, .inapplicable),
        (#"{"foo":[1]}"#, #"[{"op":"add","path":"/foo/01","value":2}]"#, .inapplicable),
        (#"{"foo":[1]}"#, #"[{"op":"remove","path":"/foo/-1"}]"#, .inapplicable),
        (#"{"foo":[1]}"#, #"[{"op":"replace","path":"/foo/-","value":1}]"#, .inapplicable),
        (#"{"foo":1}"#, #"[{"op":"remove","path":"/bar"}]"#, .inapplicable),
        (#"{"foo":1}"#, #"[{"op":"replace","path":"/bar","value":1}]"#, .inapplicable),
        (#"{"foo":{"a":1}}"#, #"[{"op":"move","from":"/foo","path":"/foo/a"}]"#, .inapplicable),
        (#"{}"#, #"[{"op":"add","path":"a","value":1}]"#, .malformed),
        (#"{}"#, #"[{"op":"add","path":"/a"}]"#, .malformed),
        (#"{}"#, #"[{"op":"frobnicate","path":"/a"}]"#, .malformed),
        (#"{}"#, #"[{"path":"/a"}]"#, .malformed),
        (#"{}"#, #"{"a":1}"#, .malformed),
    ])
    func refused(document: String, patch: String, kind: PatchError.Kind) throws {
        let error = #expect(throws: PatchError.self) {
            try JSONPatch(JSONParser.parse(patch.utf8)).apply(to: JSONParser.parse(document.utf8))
        }
        #expect(error?.kind == kind)
    }

    @Test func copiesCannotGrowWithoutBound() throws {
        var operations: [JSONValue] = []
        for _ in 0..<40 { operations.append(["op": "copy", "from": "/a", "path": "/a/-"]) }
        let error = #expect(throws: PatchError.self) {
            try JSONPatch(.array(operations)).apply(to: ["a": [1, 2, 3]])
        }
        #expect(error?.message.contains("copy operations") == true)
    }
}

@Suite struct MergePatchTests {
    /// RFC 7386, appendix A, as far as the patch is an object.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func applied(document: String, patch: String, result: String) throws {
        let (from, to) = try (JSONParser.parse(document.utf8), JSONParser.parse(result.utf8))
        #expect(try MergePatch.apply(JSONParser.parse(patch.utf8), to: from) == to)
    }

    @Test func differencesLeadBack() throws {
        let old: JSONValue = ["a": 1, "b": ["c": [1, 2], "d": "x"], "e": "gone"]
        let new: JSONValue = ["a": 2, "b": ["c": [1], "d": "x", "f": [:]]]
        let patch = MergePatch.difference(from: old, to: new)
        #expect(patch == ["a": 2, "b": ["c": [1], "f": [:]], "e": nil])
        #expect(try MergePatch.apply(patch, to: old) == new)
        #expect(MergePatch.difference(from: old, to: old) == [:])
    }
}

@Suite struct StrategicMergePatchTests {
    private static let pod = GroupVersionKind(apiVersion: "v1", kind: "Pod")

    private func patched(_ object: JSONValue, _ patch: JSONValue, kind: GroupVersionKind = pod) throws -> JSONValue {
        try StrategicMergePatch.apply(patch, to: object, kind: kind)
    }

    private static func spec(_ containers: JSONValue...) -> JSONValue { ["spec": ["containers": .array(containers)]] }

    @Test func listsOfMapsAreMergedByKey() throws {
        let object = Self.spec(["name": "a", "image": "x:1", "env": [["name": "A", "value": "1"]]], ["name": "b"])
        let patch = Self.spec(["name": "a", "image": "x:2", "env": [["name": "B", "value": "2"]]])
        // What the patch names comes first where the object does not say otherwise.
        let env: JSONValue = [["name": "B", "value": "2"], ["name": "A", "value": "1"]]
        #expect(try patched(object, patch) == Self.spec(["name": "a", "image": "x:2", "env": env], ["name": "b"]))
        #expect(
            try patched(object, Self.spec(["name": "c", "image": "y"]))["spec"]?["containers"]?.arrayValue?.count == 3)
    }

    @Test func itemsAreDeletedByKey() throws {
        let object = Self.spec(["name": "a"], ["name": "b"])
        #expect(try patched(object, Self.spec(["name": "a", "$patch": "delete"])) == Self.spec(["name": "b"]))
        #expect(try patched(object, Self.spec(["name": "z", "$patch": "delete"])) == object)
        #expect(throws: PatchError.self) { try patched(object, Self.spec(["$patch": "delete"])) }
        #expect(throws: PatchError.self) { try patched(object, Self.spec(["image": "x"])) }
    }

    @Test func wholeListsAndMapsAreReplaced() throws {
        let object = Self.spec(["name": "a"], ["name": "b"])
        #expect(
            try patched(object, Self.spec(["name": "c"], ["$patch": "replace"])) == Self.spec(["name": "c"]))
        #expect(
            try patched(
                ["metadata": ["labels": ["a": "1", "b": "2"]]],
                ["metadata": ["labels": ["$patch": "replace", "c": "3"]]]) == ["metadata": ["labels": ["c": "3"]]])
        #expect(
            try patched(
                ["spec": ["securityContext": ["runAsUser": 1]]], ["spec": ["securityContext": ["$patch": "delete"]]])
                == ["spec": ["securityContext": [:]]])
        #expect(throws: PatchError.self) { try patched(object, ["$patch": "explode"]) }
    }

    @Test func nullRemovesAndAtomicListsAreReplaced() throws {
        #expect(
            try patched(["metadata": ["labels": ["a": "1", "b": "2"]]], ["metadata": ["labels": ["a": nil]]])
                == ["metadata": ["labels": ["b": "2"]]])
        let object = Self.spec(["name": "a", "command": ["sh", "-c"]])
        #expect(
            try patched(object, Self.spec(["name": "a", "command": ["true"]]))
                == Self.spec(["name": "a", "command": ["true"]]))
        #expect(
            try patched([:], ["metadata": ["labels": ["a": nil, "b": "1"]]]) == ["metadata": ["labels": ["b": "1"]]])
    }

    @Test func primitiveListsAreUnitedAndTakenFrom() throws {
        let object: JSONValue = ["metadata": ["finalizers": ["a/1", "a/2"]]]
        #expect(
            try patched(object, ["metadata": ["finalizers": ["a/2", "a/3"]]])
                == ["metadata": ["finalizers": ["a/1", "a/2", "a/3"]]])
        #expect(
            try patched(object, ["metadata": ["$deleteFromPrimitiveList/finalizers": ["a/1", "zz"]]])
                == ["metadata": ["finalizers": ["a/2"]]])
        #expect(
            try patched(
                object,
                [
                    "metadata": [
                        "$deleteFromPrimitiveList/finalizers": ["a/1"],
                        "$setElementOrder/finalizers": ["a/3", "a/2"], "finalizers": ["a/3"],
                    ]
                ]) == ["metadata": ["finalizers": ["a/3", "a/2"]]])
    }

    @Test func elementOrderIsSet() throws {
        let object = Self.spec(["name": "a"], ["name": "x"], ["name": "b"], ["name": "y"])
        // `x` and `y` are the server's own: each stays before what followed it.
        let order: JSONValue = ["spec": ["$setElementOrder/containers": [["name": "b"], ["name": "a"]]]]
        #expect(try patched(object, order) == Self.spec(["name": "x"], ["name": "b"], ["name": "a"], ["name": "y"]))
        #expect(
            try patched(
                Self.spec(["name": "a"], ["name": "b"]),
                [
                    "spec": [
                        "$setElementOrder/containers": [["name": "c"], ["name": "b"], ["name": "a"]],
                        "containers": [["name": "c", "image": "i"]],
                    ]
                ]) == Self.spec(["name": "c", "image": "i"], ["name": "b"], ["name": "a"]))
        #expect(throws: PatchError.self) {
            try patched(
                object,
                ["spec": ["$setElementOrder/containers": [["name": "a"]], "containers": [["name": "new"]]]])
        }
    }

    @Test func retainedKeysLoseTheirSiblings() throws {
        let deployment = GroupVersionKind(apiVersion: "apps/v1", kind: "Deployment")
        #expect(
            try patched(
                ["spec": ["strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": 1]]]],
                ["spec": ["strategy": ["$retainKeys": ["type"], "type": "Recreate"]]], kind: deployment)
                == ["spec": ["strategy": ["type": "Recreate"]]])
        #expect(
            try patched(
                ["spec": ["volumes": [["name": "v", "emptyDir": [:]]]]],
                [
                    "spec": [
                        "volumes": [["name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": ["path": "/x"]]]
                    ]
                ])
                == ["spec": ["volumes": [["name": "v", "hostPath": ["path": "/x"]]]]])
    }

    @Test func directivesDoNotSurviveInNewObjects() throws {
        let patch: JSONValue = [
            "spec": [
                "$setElementOrder/containers": [["name": "a"]],
                "containers": [
                    ["name": "a", "$setElementOrder/env": [["name": "E"]], "env": [["name": "E", "value": "1"]]]
                ],
                "strategy": ["$retainKeys": ["type"], "type": "Recreate"],
            ]
        ]
        let result = try patched([:], patch)
        #expect(!result.text.contains("$"))
        #expect(result[path: "spec", "containers"]?.arrayValue?.first?["env"] == [["name": "E", "value": "1"]])
    }

    @Test func portsAreFoundByNumber() throws {
        let object = Self.spec(["name": "a", "ports": [["containerPort": 80], ["containerPort": 81, "name": "x"]]])
        let result = try patched(object, Self.spec(["name": "a", "ports": [["containerPort": 81, "name": "y"]]]))
        #expect(
            result[path: "spec", "containers"]?.arrayValue?.first?["ports"]
                == [["containerPort": 80], ["containerPort": 81, "name": "y"]])
    }

    @Test func unknownKindsAreMergedPlainly() throws {
        let kind = GroupVersionKind(apiVersion: "example.com/v1", kind: "Widget")
        #expect(
            try patched(["spec": ["items": [1, 2], "a": 1]], ["spec": ["items": [3]]], kind: kind)
                == ["spec": ["items": [3], "a": 1]])
    }
}
