import Testing

@testable import KubernetesAPI

/// Sequences of applies and updates, and what they make of an object and of who owns what.
@Suite struct ServerSideApplyTests {
    private static let deployment = GroupVersionKind(apiVersion: "apps/v1", kind: "Deployment")
    private static let configMap = GroupVersionKind(apiVersion: "v1", kind: "ConfigMap")
    private static let pod = GroupVersionKind(apiVersion: "v1", kind: "Pod")
    private static let service = GroupVersionKind(apiVersion: "v1", kind: "Service")

    /// An object and the time, which goes on by one with each write.
    private struct Subject {
        let kind: GroupVersionKind
        private(set) var object: JSONValue?
        private var time = 0

        init(_ kind: GroupVersionKind, _ object: JSONValue? = nil) {
            self.kind = kind
            self.object = object
        }

        private func manager(_ name: String, _ operation: FieldManager.Operation) -> FieldManager {
            FieldManager(name, operation, apiVersion: kind.apiVersion)
        }

        mutating func apply(_ name: String, _ text: String, force: Bool = false) throws {
            var configuration = try JSONParser.parse(text.utf8)
            configuration["metadata"] = configuration["metadata"] ?? [:]
            configuration["metadata"]?["name"] = "it"
            time += 1
            let apply = ServerSideApply(
                kind: kind, manager: manager(name, .apply), force: force, ignoring: FieldSet([["status"]]),
                time: "T\(time)")
            let result = try apply.apply(configuration, to: object)
            put(result.object, result.managed)
        }

        mutating func update(_ name: String, _ change: (inout JSONValue) -> Void) {
            var new = object ?? [:]
            change(&new)
            time += 1
            var managed = self.managed
            managed.update(
                ObjectChanges(
                    from: (object ?? [:]).withoutManagedFields, to: new.withoutManagedFields, kind: kind),
                by: manager(name, .update), time: "T\(time)")
            put(new, managed)
        }

        private mutating func put(_ value: JSONValue, _ managed: ManagedFields) {
            var value = value
            if value["metadata"] == nil { value["metadata"] = [:] }
            value["metadata"]?["managedFields"] = managed.json
            object = value
        }

        var managed: ManagedFields {
            ManagedFields(json: object?[path: "metadata", "managedFields"]) ?? ManagedFields()
        }

        /// The object without what the API adds.
        var content: JSONValue {
            var content = object ?? .null
            for name in ["apiVersion", "kind"] { content[name] = nil }
            content["metadata"]?["managedFields"] = nil
            content["metadata"]?["name"] = nil
            if content["metadata"] == [:] { content["metadata"] = nil }
            return content
        }

        /// The owners' names and fields: `kubectl: .data.a`.
        var owners: Set<String> {
            Set(managed.entries.flatMap { entry in entry.fields.paths.map { "\(entry.manager.name): \($0)" } })
        }
    }

    private func refusal(_ body: () throws -> Void) -> APIError? {
        do {
            try body()
            return nil
        } catch ServerSideApply.Refusal.conflict(let error) {
            return error
        } catch { return nil }
    }

    private func json(_ text: String) throws -> JSONValue { try JSONParser.parse(text.utf8) }

    // MARK: The documentation's examples ("Server-Side Apply")

    /// "Example of field ownership": a label is applied, another manager updates data.
    @Test func appliersAndUpdatersOwnWhatTheyWrote() throws {
        var map = Subject(Self.configMap)
        try map.apply("kubectl", #"{"metadata":{"labels":{"test-label":"test"}},"data":{"key":"some value"}}"#)
        #expect(
            map.managed.json?.arrayValue?.first?["fieldsV1"]
                == ["f:data": ["f:key": [:]], "f:metadata": ["f:labels": ["f:test-label": [:]]]])
        map.update("kube-controller-manager") { $0["data"] = ["key": "new value"] }
        #expect(
            map.owners == ["kubectl: .metadata.labels.test-label", "kube-controller-manager: .data.key"])
        // To apply the old value is a conflict now, unless forced.
        let original = #"{"metadata":{"labels":{"test-label":"test"}},"data":{"key":"some value"}}"#
        let error = refusal { try map.apply("kubectl", original) }
        #expect(error?.code == 409 && error?.reason == .conflict)
        #expect(
            error?.status.message
                == #"Apply failed with 1 conflict: conflict with "kube-controller-manager" using v1: .data.key"#)
        let cause = try #require(error?.status.details?.causes.first)
        #expect(cause.reason.rawValue == "FieldManagerConflict" && cause.field == ".data.key")
        #expect(cause.message == #"conflict with "kube-controller-manager" using v1"#)
        try map.apply("kubectl", original, force: true)
        #expect(map.owners == ["kubectl: .metadata.labels.test-label", "kubectl: .data.key"])
        #expect(map.content["data"] == ["key": "some value"])
    }

    /// "Transferring ownership between managers": replicas go from the user to an autoscaler without a gap.
    @Test func ownershipIsHandedOver() throws {
        let whole = #"""
            {"spec":{"replicas":3,"selector":{"matchLabels":{"app":"nginx"}},"template":{"metadata":{"labels":
            {"app":"nginx"}},"spec":{"containers":[{"name":"nginx","image":"nginx:1.14.2"}]}}}}
            """#
        let without = whole.replacing(#""replicas":3,"#, with: "")
        var deployment = Subject(Self.deployment)
        try deployment.apply("kubectl", whole)
        try deployment.apply("handover-to-hpa", #"{"spec":{"replicas":3}}"#)
        #expect(deployment.owners.isSuperset(of: ["kubectl: .spec.replicas", "handover-to-hpa: .spec.replicas"]))
        try deployment.apply("kubectl", without)
        #expect(deployment.content[path: "spec", "replicas"] == 3)
        #expect(!deployment.owners.contains("kubectl: .spec.replicas"))
        // Now it is the autoscaler's to change; nobody is in conflict.
        deployment.update("autoscaler") { $0["spec"]?["replicas"] = 7 }
        try deployment.apply("kubectl", without)
        #expect(deployment.content[path: "spec", "replicas"] == 7)
        // Without another owner a field that is not applied any more goes.
        var other = Subject(Self.deployment)
        try other.apply("kubectl", whole)
        try other.apply("kubectl", without)
        #expect(other.content[path: "spec", "replicas"] == nil)
    }

    // MARK: Merging

    struct Row: Sendable {
        var kind: GroupVersionKind = ServerSideApplyTests.configMap
        /// What is there, made by an update of `user`.
        var live: String
        var applied: [String]
        var result: String
    }

    @Test(arguments: [
        Row(live: #"{"data":{"a":"1"}}"#, applied: [#"{"data":{"b":"2"}}"#], result: #"{"data":{"a":"1","b":"2"}}"#),
        // What was applied and is not applied now goes, entry by entry.
        Row(
            live: #"{"data":{"a":"1"}}"#, applied: [#"{"data":{"b":"2","c":"3"}}"#, #"{"data":{"c":"3"}}"#],
            result: #"{"data":{"a":"1","c":"3"}}"#),
        Row(live: "{}", applied: [#"{"data":{"b":"2"}}"#, "{}"], result: "{}"),
        // What somebody else changed since is his and stays.
        Row(
            live: #"{"metadata":{"labels":{"x":"1"}}}"#,
            applied: [#"{"metadata":{"labels":{"x":"1","y":"2"}}}"#, #"{"metadata":{}}"#],
            result: #"{"metadata":{"labels":{"x":"1"}}}"#),
        // Lists with keys: items are merged, and go when nobody applies them any more.
        Row(
            kind: pod, live: #"{"spec":{"containers":[{"name":"mine","image":"x"}]}}"#,
            applied: [
                #"{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}}"#,
                #"{"spec":{"containers":[{"name":"b","image":"2"}]}}"#,
            ], result: #"{"spec":{"containers":[{"name":"mine","image":"x"},{"name":"b","image":"2"}]}}"#),
        Row(
            kind: pod, live: #"{"spec":{"containers":[{"name":"a","image":"1"}]}}"#,
            applied: [
                #"{"spec":{"containers":[{"name":"a","env":[{"name":"E","value":"1"},{"name":"F","value":"2"}]}]}}"#,
                #"{"spec":{"containers":[{"name":"a","env":[{"name":"F","value":"2"}]}]}}"#,
            ], result: #"{"spec":{"containers":[{"name":"a","image":"1","env":[{"name":"F","value":"2"}]}]}}"#),
        // Their order is the configuration's; the others keep their places.
        Row(
            kind: pod, live: #"{"spec":{"containers":[{"name":"a"},{"name":"x"},{"name":"b"}]}}"#,
            applied: [#"{"spec":{"containers":[{"name":"b"},{"name":"n"},{"name":"a"}]}}"#],
            result: #"{"spec":{"containers":[{"name":"x"},{"name":"b"},{"name":"n"},{"name":"a"}]}}"#),
        Row(
            kind: pod, live: #"{"spec":{"containers":[{"name":"a"},{"name":"x"}]}}"#,
            applied: [#"{"spec":{"containers":[{"name":"n"},{"name":"a"},{"name":"z"}]}}"#],
            result: #"{"spec":{"containers":[{"name":"n"},{"name":"a"},{"name":"x"},{"name":"z"}]}}"#),
        // Two keys, one with a default.
        Row(
            kind: service, live: #"{"spec":{"ports":[{"port":53,"protocol":"UDP","name":"u"}]}}"#,
            applied: [#"{"spec":{"ports":[{"port":53,"name":"t"}]}}"#],
            result: #"{"spec":{"ports":[{"port":53,"protocol":"UDP","name":"u"},{"port":53,"name":"t"}]}}"#),
        // Sets of scalars.
        Row(
            live: #"{"metadata":{"finalizers":["a/1"]}}"#,
            applied: [#"{"metadata":{"finalizers":["a/2","a/3"]}}"#, #"{"metadata":{"finalizers":["a/3"]}}"#],
            result: #"{"metadata":{"finalizers":["a/1","a/3"]}}"#),
        // Lists and maps without keys are one value.
        Row(
            kind: pod, live: "{}",
            applied: [
                #"{"spec":{"tolerations":[{"key":"a"},{"key":"b"}],"nodeSelector":{"a":"1"}}}"#,
                #"{"spec":{"tolerations":[{"key":"b"}],"nodeSelector":{"b":"1"}}}"#,
            ], result: #"{"spec":{"tolerations":[{"key":"b"}],"nodeSelector":{"b":"1"}}}"#),
        // Null takes a field out; the status is not this request's to write.
        Row(live: #"{"data":{"a":"1","b":"2"}}"#, applied: [#"{"data":{"a":null}}"#], result: #"{"data":{"b":"2"}}"#),
    ])
    func configurationsAreMerged(_ row: Row) throws {
        var subject = Subject(row.kind)
        let live = try json(row.live)
        subject.update("user") { $0 = live }
        for applied in row.applied { try subject.apply("kubectl", applied, force: true) }
        let expected = try json(row.result)
        // The order of items counts.
        #expect(subject.content == expected, "\(subject.content.text)")
    }

    // MARK: Conflicts

    @Test func conflictsNameEachManagerAndField() throws {
        var pod = Subject(Self.pod)
        try pod.apply("one", #"{"spec":{"containers":[{"name":"a","image":"1","env":[{"name":"E","value":"x"}]}]}}"#)
        pod.update("two") { $0["spec"]?["hostname"] = "h" }
        let configuration =
            #"{"spec":{"hostname":"i","containers":[{"name":"a","image":"2","env":[{"name":"E","value":"y"}]}]}}"#
        let error = refusal { try pod.apply("three", configuration) }
        #expect(
            error?.status.message == """
                Apply failed with 3 conflicts: conflicts with "one":
                - .spec.containers[name="a"].image
                - .spec.containers[name="a"].env[name="E"].value
                conflicts with "two" using v1:
                - .spec.hostname
                """)
        #expect(error?.status.details?.causes.map(\.message).first == #"conflict with "one""#)
        #expect(error?.status.details?.causes.count == 3)
        // The same values are no conflict: they are shared.
        try pod.apply("three", #"{"spec":{"hostname":"h","containers":[{"name":"a","image":"1"}]}}"#)
        #expect(pod.owners.isSuperset(of: ["two: .spec.hostname", "three: .spec.hostname"]))
        // Force takes only what is in dispute.
        try pod.apply("three", configuration, force: true)
        #expect(!pod.owners.contains("two: .spec.hostname"))
        #expect(pod.owners.contains(#"one: .spec.containers[name="a"].name"#))
        #expect(!pod.owners.contains(#"one: .spec.containers[name="a"].image"#))
    }

    @Test func theSameApplyTwiceChangesNothing() throws {
        var map = Subject(Self.configMap)
        try map.apply("kubectl", #"{"data":{"a":"1"}}"#)
        let before = map.object
        try map.apply("kubectl", #"{"data":{"a":"1"}}"#)
        #expect(map.object == before)
        try map.apply("other", #"{"data":{"a":"1"}}"#)
        #expect(map.managed.json?.arrayValue?.map { $0["time"] } == ["T1", "T3"])
    }

    /// What was there before anybody applied belongs to a manager of its own, who can be in conflict.
    @Test func objectsWithoutManagersGetOneAtTheFirstApply() throws {
        var map = Subject(Self.configMap, ["metadata": ["name": "it", "uid": "u"], "data": ["a": "1", "b": "2"]])
        let error = refusal { try map.apply("kubectl", #"{"data":{"a":"9"}}"#) }
        #expect(
            error?.status.message
                == #"Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a"#)
        try map.apply("kubectl", #"{"data":{"a":"9"}}"#, force: true)
        #expect(map.owners == ["before-first-apply: .data", "before-first-apply: .data.b", "kubectl: .data.a"])
    }

    // MARK: From client-side apply

    @Test func fieldsOfClientSideApplyAreKubectlsOwn() throws {
        let last = #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"it"},"data":{"a":"1","b":"2"}}"#
        var map = Subject(Self.configMap)
        map.update("kubectl-client-side-apply") { object in
            object = [
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": [
                    "name": "it", "annotations": ["kubectl.kubernetes.io/last-applied-configuration": .string(last)],
                ], "data": ["a": "1", "b": "2"],
            ]
        }
        // Another manager's name has no such right.
        #expect(refusal { try map.apply("argo", #"{"data":{"a":"3","b":"2"}}"#) }?.code == 409)
        try map.apply("kubectl", #"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"3","b":"2"}}"#)
        #expect(map.content["data"] == ["a": "3", "b": "2"])
        let annotation = map.object?[
            path: "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]
        #expect(
            try json(annotation?.stringValue ?? "")
                == json(#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"it"},"data":{"a":"3","b":"2"}}"#))
        // What somebody else has changed since is in conflict even so.
        map.update("hand") { $0["data"]?["b"] = "hand" }
        #expect(
            refusal { try map.apply("kubectl", #"{"data":{"a":"3","b":"4"}}"#) }?.status.message
                == #"Apply failed with 1 conflict: conflict with "hand" using v1: .data.b"#)
    }

    // MARK: What is not of the kind

    @Test(arguments: [
        (#"{"spec":{"replicas":"3"}}"#, ".spec.replicas: expected numeric (int or float), got string"),
        (#"{"spec":{"imagee":1}}"#, ".spec.imagee: field not declared in schema"),
        (
            #"{"spec":{"template":{"spec":{"containers":[{"name":"a","x":1}]}}}}"#,
            #".spec.template.spec.containers[name="a"].x: field not declared in schema"#
        ),
        (
            #"{"spec":{"template":{"spec":{"containers":[{"image":"a"}]}}}}"#,
            ".spec.template.spec.containers: element 0: associative list with keys has an element that omits key "
                + #"field "name" (and doesn't have default value)"#
        ),
        (
            #"{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"name":"a"}]}}}}"#,
            #".spec.template.spec.containers: duplicate entries for key [name="a"]"#
        ),
        (#"{"spec":[]}"#, ".spec: expected map, got []"),
        (#"{"spec":{"template":{"spec":{"containers":{}}}}}"#, ".spec.template.spec.containers: expected list, got {}"),
        (#"{"spec":{"paused":"yes"}}"#, ".spec.paused: expected boolean, got yes"),
        (
            #"{"spec":{"a":1},"b":2}"#,
            "errors:\n  .spec.a: field not declared in schema\n  .b: field not declared in schema"
        ),
        (
            #"{"spec":{"template":{"spec":{"tolerations":[{"keyy":"a"}]}}}}"#,
            ".spec.template.spec.tolerations[0].keyy: field not declared in schema"
        ),
    ])
    func configurationsHaveToBeOfTheKind(configuration: String, problem: String) throws {
        var deployment = Subject(Self.deployment)
        do {
            try deployment.apply("kubectl", configuration)
            Issue.record("it was applied")
        } catch ServerSideApply.Refusal.untyped(let found) {
            #expect(found == problem)
        }
    }
}
