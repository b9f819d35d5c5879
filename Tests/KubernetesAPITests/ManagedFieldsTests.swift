import Testing

@testable import KubernetesAPI

/// Who owns what after updates. The expected trees are what a Kubernetes API server writes for the same requests.
@Suite struct ManagedFieldsTests {
    private static let deployment = GroupVersionKind(apiVersion: "apps/v1", kind: "Deployment")
    private static let configMap = GroupVersionKind(apiVersion: "v1", kind: "ConfigMap")
    private static let pod = GroupVersionKind(apiVersion: "v1", kind: "Pod")

    private func changes(_ old: String, _ new: String, _ kind: GroupVersionKind) throws -> ObjectChanges {
        ObjectChanges(from: try JSONParser.parse(old.utf8), to: try JSONParser.parse(new.utf8), kind: kind)
    }

    private func updater(_ name: String, _ apiVersion: String = "v1", subresource: String = "") -> FieldManager {
        FieldManager(name, .update, apiVersion: apiVersion, subresource: subresource)
    }

    /// `kubectl create deployment web --image=nginx`, as Kubernetes 1.32 books it.
    @Test func aNewDeploymentBelongsToItsMaker() throws {
        let object: JSONValue = [
            "metadata": ["name": "web", "labels": ["app": "web"]],
            "spec": [
                "selector": ["matchLabels": ["app": "web"]],
                "template": [
                    "metadata": ["labels": ["app": "web"]],
                    "spec": ["containers": [["name": "nginx", "image": "nginx"]]],
                ],
            ],
        ]
        let made = Kinds.defaulted(try Deployment(json: object), isNew: true)
        var fields = ManagedFields()
        fields.update(
            ObjectChanges(from: [:], to: made.json, kind: Self.deployment), by: updater("kubectl-create", "apps/v1"),
            ignoring: FieldSet([["status"]]), time: "2026-11-21T12:00:00Z")
        let expected = #"""
            [{"manager":"kubectl-create","operation":"Update","apiVersion":"apps/v1","time":"2026-11-21T12:00:00Z",
            "fieldsType":"FieldsV1","fieldsV1":{
            "f:metadata":{"f:labels":{".":{},"f:app":{}}},
            "f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},"f:selector":{},
            "f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},
            "f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},
            "f:spec":{"f:containers":{"k:{\"name\":\"nginx\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},
            "f:name":{},"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},
            "f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},
            "f:terminationGracePeriodSeconds":{}}}}}}]
            """#
        #expect(try fields.json == JSONParser.parse(expected.utf8))
    }

    struct Comparison: Sendable {
        var kind: GroupVersionKind
        var old: String
        var new: String
        var added: [String] = []
        var modified: [String] = []
        var removed: [String] = []
    }

    @Test(arguments: [
        Comparison(
            kind: configMap, old: #"{"data":{"a":"1","b":"2"}}"#, new: #"{"data":{"a":"1","b":"3","c":"4"}}"#,
            added: [".data.c"], modified: [".data.b"]),
        Comparison(
            kind: configMap, old: #"{"data":{"a":"1"}}"#, new: "{}", removed: [".data", ".data.a"]),
        Comparison(
            kind: configMap, old: "{}", new: #"{"data":{"a":"1"}}"#, added: [".data", ".data.a"]),
        // A list of structures is compared by keys, wherever they stand; the order is nobody's.
        Comparison(
            kind: pod, old: #"{"spec":{"containers":[{"name":"a","image":"x"},{"name":"b"}]}}"#,
            new: #"{"spec":{"containers":[{"name":"b"},{"name":"a","image":"y"}]}}"#,
            modified: [#".spec.containers[name="a"].image"#]),
        // The protocol is a key with a default.
        Comparison(
            kind: pod, old: #"{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80}]}]}}"#,
            new:
                #"{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"protocol":"TCP","name":"w"},{"containerPort":80,"protocol":"UDP"}]}]}}"#,
            added: [
                #".spec.containers[name="a"].ports[containerPort=80,protocol="UDP"]"#,
                #".spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].name"#,
                #".spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].protocol"#,
                #".spec.containers[name="a"].ports[containerPort=80,protocol="UDP"].containerPort"#,
                #".spec.containers[name="a"].ports[containerPort=80,protocol="UDP"].protocol"#,
            ]),
        // A set of scalars.
        Comparison(
            kind: configMap, old: #"{"metadata":{"finalizers":["a/1","a/2"]}}"#,
            new: #"{"metadata":{"finalizers":["a/2","a/3"]}}"#,
            added: [#".metadata.finalizers[="a/3"]"#], removed: [#".metadata.finalizers[="a/1"]"#]),
        // Atomic: lists without keys, maps and structures that are marked so.
        Comparison(
            kind: pod, old: #"{"spec":{"tolerations":[{"key":"a"}],"nodeSelector":{"a":"1"}}}"#,
            new: #"{"spec":{"tolerations":[{"key":"a"},{"key":"b"}],"nodeSelector":{"a":"2"}}}"#,
            modified: [".spec.nodeSelector", ".spec.tolerations"]),
        Comparison(
            kind: deployment, old: #"{"spec":{"selector":{"matchLabels":{"a":"1"}}}}"#,
            new: #"{"spec":{"selector":{"matchLabels":{"a":"2"}}}}"#, modified: [".spec.selector"]),
        // Items that nothing tells apart are one.
        Comparison(
            kind: pod,
            old: #"{"spec":{"containers":[{"name":"a","env":[{"name":"E","value":"1"},{"name":"E","value":"2"}]}]}}"#,
            new: #"{"spec":{"containers":[{"name":"a","env":[{"name":"E","value":"1"},{"name":"E","value":"3"}]}]}}"#,
            modified: [#".spec.containers[name="a"].env[name="E"]"#]),
        Comparison(kind: configMap, old: #"{"data":{"a":"1"}}"#, new: #"{"data":{"a":"1"},"metadata":null}"#),
    ])
    func statesAreComparedByField(_ row: Comparison) throws {
        let changes = try changes(row.old, row.new, row.kind)
        func texts(_ set: FieldSet) -> Set<String> { Set(set.paths.map(\.description)) }
        #expect(texts(changes.added) == Set(row.added))
        #expect(texts(changes.modified) == Set(row.modified))
        #expect(texts(changes.removed) == Set(row.removed))
    }

    @Test func updatesTakeFieldsFromOthers() throws {
        var fields = ManagedFields()
        fields.update(
            try changes("{}", #"{"data":{"a":"1","b":"2"}}"#, Self.configMap), by: updater("one"), time: "T1")
        fields.update(
            try changes(#"{"data":{"a":"1","b":"2"}}"#, #"{"data":{"a":"9","b":"2","c":"3"}}"#, Self.configMap),
            by: updater("two"), time: "T2")
        #expect(fields.fields(of: updater("one"))?.json == ["f:data": [".": [:], "f:b": [:]]])
        #expect(fields.fields(of: updater("two"))?.json == ["f:data": ["f:a": [:], "f:c": [:]]])
        // What is removed is nobody's; who owns nothing any more is gone.
        fields.update(
            try changes(#"{"data":{"a":"9","b":"2","c":"3"}}"#, #"{"data":{"b":"2"}}"#, Self.configMap),
            by: updater("one"), time: "T3")
        #expect(fields.entries.map(\.manager.name) == ["one"])
        #expect(fields.entries.map(\.time) == ["T1"])
        #expect(fields.fields(of: updater("one"))?.json == ["f:data": [".": [:], "f:b": [:]]])
    }

    @Test func partsAndVersionsAreEntriesOfTheirOwn() throws {
        var fields = ManagedFields()
        let old = #"{"spec":{"replicas":1},"status":{}}"#
        fields.update(try changes("{}", old, Self.deployment), by: updater("a", "apps/v1"), time: "T1")
        fields.update(
            try changes(old, #"{"spec":{"replicas":2},"status":{}}"#, Self.deployment),
            by: updater("a", "apps/v1", subresource: "scale"), time: "T2")
        let json = try #require(fields.json?.arrayValue)
        #expect(json.count == 1)
        #expect(json[0]["subresource"] == "scale" && json[0]["fieldsV1"] == ["f:spec": ["f:replicas": [:]]])
        #expect(ManagedFields(json: fields.json) == fields)
    }

    @Test func theOldestOfManyUpdatersBecomeOne() throws {
        var fields = ManagedFields()
        var data: [String] = []
        for index in 10..<24 {
            let old = #"{"data":{\#(data.joined(separator: ","))}}"#
            data.append(#""k\#(index)":"""#)
            let new = #"{"data":{\#(data.joined(separator: ","))}}"#
            fields.update(try changes(old, new, Self.configMap), by: updater("m\(index)"), time: "T\(index)")
        }
        #expect(fields.entries.count == 10)
        let ancient = try #require(fields.fields(of: updater("ancient-changes")))
        #expect(ancient.paths.map(\.description) == (10...14).map { ".data.k\($0)" })
    }

    @Test func whatIsNotAListOfEntriesIsNotRead() {
        #expect(ManagedFields(json: nil)?.isEmpty == true)
        #expect(ManagedFields(json: [["manager": "x", "operation": "Frobnicate", "fieldsType": "FieldsV1"]]) == nil)
        #expect(ManagedFields(json: [["manager": "x", "operation": "Update", "fieldsType": "FieldsV2"]]) == nil)
    }

    @Test(arguments: [
        ("kubectl/v1.32.3 (linux/amd64) kubernetes/32cc146", "kubectl"), ("", ""), ("Mozilla", "Mozilla"),
        ("a\u{7}b\u{200B}c/1", "abc"), (String(repeating: "é", count: 100), String(repeating: "é", count: 64)),
    ])
    func managersAreNamedByTheirUserAgent(userAgent: String, name: String) {
        #expect(FieldManager.name(userAgent: userAgent) == name)
    }

    /// Sets behave as sets: checked against Swift's own on all pairs of small trees.
    @Test func operationsOnTreesAreThoseOfSets() {
        let leaves: [[String]] = [["a"], ["a", "x"], ["a", "y"], ["b", "x"], ["b"]]
        let sets = (0..<32).map { bits in leaves.indices.filter { bits >> $0 & 1 == 1 }.map { leaves[$0] } }
        func texts(_ set: FieldSet) -> Set<String> { Set(set.paths.map(\.description)) }
        for left in sets {
            for right in sets {
                let (one, other) = (FieldSet(left), FieldSet(right))
                let (expectedOne, expectedOther) = (texts(one), texts(other))
                var union = one
                union.formUnion(other)
                #expect(texts(union) == expectedOne.union(expectedOther))
                var difference = one
                difference.subtract(other)
                #expect(texts(difference) == expectedOne.subtracting(expectedOther))
                #expect(texts(one.intersection(other)) == expectedOne.intersection(expectedOther))
                #expect(one.isSuperset(of: other) == expectedOne.isSuperset(of: expectedOther))
                #expect(one.isDisjoint(with: other) == expectedOne.isDisjoint(with: expectedOther))
                #expect(difference.isEmpty == expectedOne.subtracting(expectedOther).isEmpty)
            }
        }
    }
}
