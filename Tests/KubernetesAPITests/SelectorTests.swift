import Testing

@testable import KubernetesAPI

@Suite struct LabelMatcherTests {
    private static let labels = ["app": "web", "tier": "front", "n": "5", "empty": "", "example.com/x": "1"]

    @Test(arguments: [
        ("", true), ("app=web", true), ("app==web", true), ("app=api", false), ("app!=api", true), ("app!=web", false),
        ("none!=x", true), ("app", true), ("!app", false), ("none", false), ("!none", true),
        ("app in (web,api)", true), ("app in (api)", false), ("app notin (api)", true), ("none notin (api)", true),
        ("app in (web), tier=front", true), ("app=web,tier=back", false), (" app = web , !none ", true),
        ("n>4", true), ("n>5", false), ("n<6", true), ("app>1", false), ("empty=", true), ("empty", true),
        ("app in (,web)", true), ("empty in ()", true), ("example.com/x=1", true), ("in in (a)", false),
        ("notin", false),
    ])
    func matching(text: String, matches: Bool) throws {
        #expect(try LabelMatcher(parsing: text).matches(Self.labels) == matches)
    }

    @Test(arguments: [
        ",", "app=web,", "=x", "app in", "app in (", "app in (a", "app in (a b)", "app ==== x", "app=a=b", "!", "a b",
        "a!", "n>x", "a=b)", "a/b/c=d", "a=b!", "-a=b", "a=-b", "app in a", "((((",
    ])
    func refused(text: String) {
        #expect(throws: SelectorError.self) { try LabelMatcher(parsing: text) }
    }

    @Test func textOfAMatcher() throws {
        let text = try LabelMatcher(parsing: "tier notin (b,a),app=web,!x,y,z!=1,n>3").description
        #expect(text == "app=web,n>3,tier notin (a,b),!x,y,z!=1")
        #expect(try LabelMatcher(parsing: text) == LabelMatcher(parsing: "tier notin (b,a),app=web,!x,y,z!=1,n>3"))
    }

    @Test func objectsSelectors() throws {
        #expect(try !LabelMatcher(nil as LabelSelector?).matches([:]))
        #expect(try LabelMatcher(LabelSelector()).matches([:]))
        let selector = try LabelSelector(
            json: [
                "matchLabels": ["app": "web"],
                "matchExpressions": [["key": "t", "operator": "In", "values": ["a", "b"]]],
            ])
        let matcher = try LabelMatcher(selector)
        #expect(matcher.matches(["app": "web", "t": "b"]))
        #expect(!matcher.matches(["app": "web", "t": "c"]))
        #expect(!matcher.matches(["t": "b"]))
        let broken = try LabelSelector(json: ["matchExpressions": [["key": "t", "operator": "Near"]]])
        #expect(throws: SelectorError("\"Near\" is not a valid label selector operator")) { try LabelMatcher(broken) }
    }
}

@Suite struct FieldMatcherTests {
    private static let pod = GroupVersionKind(apiVersion: "v1", kind: "Pod")
    private static let object: JSONValue = [
        "metadata": ["name": "web-1", "namespace": "default"], "spec": ["nodeName": "n1"],
        "status": ["phase": "Running", "podIP": "10.0.0.2"],
    ]

    @Test(arguments: [
        ("", true), ("metadata.name=web-1", true), ("metadata.name==web-1", true), ("metadata.name!=web-1", false),
        ("spec.nodeName=", false), ("spec.nodeName=n1,status.phase!=Failed", true), ("status.phase=Failed", false),
        ("metadata.namespace=default", true), ("spec.hostNetwork=false", true), ("spec.restartPolicy=", true),
    ])
    func matching(text: String, matches: Bool) throws {
        #expect(try FieldMatcher(parsing: text, kind: Self.pod).matches(Self.object) == matches)
    }

    @Test func unsupportedFieldsAreNamed() {
        let error = #expect(throws: SelectorError.self) {
            try FieldMatcher(parsing: "spec.foo=1", kind: Self.pod)
        }
        #expect(error?.message.hasSuffix("field label not supported: spec.foo") == true)
        #expect(throws: SelectorError.self) { try FieldMatcher(parsing: "metadata.name", kind: Self.pod) }
        #expect(throws: SelectorError.self) { try FieldMatcher(parsing: "metadata.name=a=b", kind: Self.pod) }
        #expect(throws: SelectorError.self) {
            try FieldMatcher(parsing: "metadata.namespace=x", kind: GroupVersionKind(apiVersion: "v1", kind: "Node"))
        }
    }

    @Test func escapes() throws {
        let matcher = try FieldMatcher(parsing: "metadata.name=a\\,b\\=c\\\\", kind: Self.pod)
        #expect(matcher.exactName == "a,b=c\\")
        #expect(matcher.description == "metadata.name=a\\,b\\=c\\\\")
    }

    @Test func eventsAreFoundByTheirObject() throws {
        let matcher = try FieldMatcher(
            parsing: "involvedObject.kind=Pod,involvedObject.name=web-1,type=Warning",
            kind: GroupVersionKind(apiVersion: "v1", kind: "Event"))
        #expect(matcher.matches(["involvedObject": ["kind": "Pod", "name": "web-1"], "type": "Warning"]))
        #expect(!matcher.matches(["involvedObject": ["kind": "Pod", "name": "web-1"], "type": "Normal"]))
    }
}
