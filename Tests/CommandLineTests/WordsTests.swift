import Foundation
import KubernetesAPI
import Testing

@testable import minikube_lite

@Suite struct WordsTests {
    @Test(
        arguments: [
            ("30s", 30), ("5m", 300), ("1h30m", 5400), ("500ms", 1), ("90", 90), ("", nil), ("5x", nil), ("m", nil),
            ("-5s", nil),
        ] as [(String, Int64?)])
    func `durations are read as Go writes them`(_ text: String, _ seconds: Int64?) {
        #expect(DurationText.seconds(text) == seconds)
    }

    @Test(arguments: ["po", "pod", "pods", "Pod"]) func `a resource has many names`(_ word: String) throws {
        #expect(try ResourceNames.resource(word).plural == "pods")
    }

    @Test func `groups and categories are understood`() throws {
        #expect(try ResourceNames.resource("deployments.apps").kind.kind == "Deployment")
        #expect(try ResourceNames.resource("ev").kind.group == "")
        #expect(try ResourceNames.resources("all").map(\.plural).contains("replicasets"))
        #expect(throws: CommandFailure.self) { try ResourceNames.resource("pods.apps") }
    }

    @Test func `a selection is TYPE NAME, TYPE/NAME or types`() throws {
        #expect(try ResourceSelection(["pods", "a", "b"]).named().map(\.name) == ["a", "b"])
        #expect(
            try ResourceSelection(["deploy/web", "svc/db"]).named().map(\.resource.plural) == [
                "deployments", "services",
            ])
        #expect(try ResourceSelection(["pods,rs"]).items.map(\.name) == [nil, nil])
        #expect(throws: CommandFailure.self) { try ResourceSelection(["pods/a", "b"]) }
        #expect(throws: CommandFailure.self) { try ResourceSelection(["pods"]).named() }
    }

    @Test func `columns are as wide as their widest cell, also in rows that come later`() throws {
        var text = TableText()
        var table = Table()
        table.columnDefinitions = ["Name", "Ready", "Node"].enumerated().map { index, name in
            var column = TableColumnDefinition()
            column.name = name
            column.priority = index == 2 ? 1 : 0
            return column
        }
        func row(_ cells: [JSONValue]) -> TableRow {
            var row = TableRow()
            row.cells = cells
            return row
        }
        table.rows = [row(["web", "1/1", "n"]), row(["database", .null, "n"])]
        #expect(text.lines(table) == ["NAME       READY", "web        1/1", "database   <none>"])
        var later = Table()
        later.rows = [row(["x", .integer(3), "n"])]
        #expect(text.lines(later) == ["x          3"])
    }

    @Test func `JSON is indented as kubectl does`() {
        let value: JSONValue = ["b": [], "a": [1, ["c": nil]]]
        #expect(
            PrettyJSON.text(value)
                == "{\n    \"a\": [\n        1,\n        {\n            \"c\": null\n        }\n    ],\n    \"b\": []\n}"
        )
    }
}

@Suite struct NodeOptionsTests {
    @Test func `an instance with a root has everything below it, and names of its own outside of it`() throws {
        let layout = NodeLayout(root: "/srv/x/")
        #expect([layout.run, layout.data, layout.etc, layout.logs].allSatisfy { $0.hasPrefix("/srv/x/") })
        let first = try NodeOptions.parse(["--root", "/srv/x"])
        let second = try NodeOptions.parse(["--root", "/srv/y"])
        #expect(first.bridgeName != second.bridgeName)
        #expect(first.bridgeName.utf8.count <= 15)
        #expect(try NodeOptions.parse([]).bridgeName == "mkl0")
    }

    @Test(arguments: [
        ["--port", "0"], ["--node-name", "Not_A_Name"], ["--crash-backoff-max", "soon"],
    ]) func `wrong values are refused`(_ words: [String]) {
        #expect(throws: (any Error).self) { try NodeOptions.parse(words) }
    }

    @Test func `a process that is started with the words of the options has the same options`() throws {
        let options = try NodeOptions.parse([
            "--root", "/srv/x", "--port", "7000", "--cgroup-enforcement", "best-effort",
        ])
        let again = try NodeOptions.parse(options.words)
        #expect(again.port == 7000 && again.cgroupEnforcement == .bestEffort && again.layout == options.layout)
        #expect(again.bridgeName == options.bridgeName)
    }
}

@Suite struct ManifestTests {
    @Test func `several documents and lists become objects, in order`() throws {
        let text = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: a}
            ---
            # only a comment
            ---
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Secret, metadata: {name: b, namespace: other}}
            """
        let manifests = try ManifestReader.parse(Data(text.utf8), source: "x.yaml")
        #expect(manifests.map(\.title) == ["configmap/a", "secret/b"])
        #expect(manifests.map(\.namespace) == ["", "other"])
    }

    @Test(arguments: [
        ("kind: Pod", "apiVersion is not set"), ("apiVersion: v1", "kind is not set"),
        ("{apiVersion: v1, kind: Pod}", "metadata.name of a Pod is not set"),
        ("{apiVersion: v1, kind: Pood, metadata: {name: x}}", "no matches for kind \"Pood\""),
        ("[1, 2]", "has to be an object"), ("a: [", "error parsing x.yaml"),
    ]) func `what is wrong is named with its source`(_ text: String, _ expected: String) {
        #expect {
            try ManifestReader.parse(Data(text.utf8), source: "x.yaml")
        } throws: { error in
            let message = (error as? CommandFailure)?.message ?? ""
            return message.contains("x.yaml") && message.contains(expected)
        }
    }
}

@Suite struct ThreeWayPatchTests {
    static func deployment(_ containers: JSONValue, replicas: JSONValue = 3) -> JSONValue {
        ["spec": ["replicas": replicas, "template": ["spec": ["containers": containers]]]]
    }
    let kind = Deployment.groupVersionKind

    @Test func `what others have set stays`() {
        let manifest = Self.deployment([["name": "a", "image": "x:1"]])
        var current = Self.deployment([
            ["name": "a", "image": "x:1", "imagePullPolicy": "Always"], ["name": "injected"],
        ])
        current["status"] = ["replicas": 3]
        let (patch, type) = ThreeWayPatch.make(original: manifest, modified: manifest, current: current, kind: kind)
        #expect(patch == [:] && type == .strategic)
    }

    @Test func `what was taken out of the manifest is removed, in lists by their key`() {
        let original = Self.deployment([["name": "a", "image": "x:1", "tty": true], ["name": "b", "image": "y:1"]])
        let modified = Self.deployment([["name": "a", "image": "x:2"]], replicas: 5)
        let (patch, _) = ThreeWayPatch.make(original: original, modified: modified, current: original, kind: kind)
        #expect(
            patch == [
                "spec": [
                    "replicas": 5,
                    "template": [
                        "spec": [
                            "containers": [
                                ["name": "a", "image": "x:2", "tty": nil], ["name": "b", "$patch": "delete"],
                            ]
                        ]
                    ],
                ]
            ])
    }

    @Test func `maps lose and gain keys`() {
        let original: JSONValue = ["data": ["a": "1", "b": "2"]]
        let modified: JSONValue = ["data": ["b": "3", "c": "4"]]
        let (patch, _) = ThreeWayPatch.make(
            original: original, modified: modified, current: original, kind: ConfigMap.groupVersionKind)
        #expect(patch == ["data": ["a": nil, "b": "3", "c": "4"]])
    }
}
