import Testing

@testable import KubernetesAPI

@Suite struct SchemaTests {
    private static let deployment = GroupVersionKind(apiVersion: "apps/v1", kind: "Deployment")
    private static let pod = GroupVersionKind(apiVersion: "v1", kind: "Pod")

    @Test func theDescriptionIsRead() throws {
        #expect(Schema.shared.structures.count > 350)
        let container = try #require(Schema.shared.structures["core.v1.Container"])
        let ports = try #require(container["ports"])
        #expect(ports.patchMergeKey == "containerPort")
        #expect(ports.patchStrategies == [.merge])
        #expect(ports.listType == .map)
        #expect(ports.listMapKeys == ["containerPort", "protocol"])
        #expect(ports.type == .list(of: .structure("core.v1.ContainerPort")))
        let volume = try #require(Schema.shared.structures["core.v1.Volume"])
        #expect(volume["emptyDir"]?.embeddedIn == "core.v1.VolumeSource")
        #expect(volume.embeddedMessages.map(\.number) == [2])
        let policy = try #require(Schema.shared.structures["core.v1.PodSpec"]?["restartPolicy"])
        #expect(
            policy.type
                == .enumeration(
                    name: "core.v1.RestartPolicy", values: ["Always", "OnFailure", "Never"], isClosed: true))
    }

    @Test func everyKindHasItsStructure() {
        for resource in Schema.shared.resources {
            #expect(Schema.shared.structure(of: resource.kind)?.hasTypeMeta == true, "\(resource.kind)")
        }
        #expect(Schema.shared.structure(of: GroupVersionKind(apiVersion: "policy/v1", kind: "Eviction")) != nil)
        #expect(Schema.shared.structure(of: GroupVersionKind(apiVersion: "autoscaling/v1", kind: "Scale")) != nil)
        #expect(Schema.shared.structure(of: GroupVersionKind(apiVersion: "v1", kind: "DeleteOptions")) != nil)
    }

    @Test func everyReferenceLeadsSomewhere() {
        for (name, structure) in Schema.shared.structures {
            for field in structure.fields {
                if let inner = field.type.innermostStructure {
                    #expect(Schema.shared.structures[inner] != nil, "\(name).\(field.name)")
                }
            }
        }
    }

    @Test func unknownFieldsHavePaths() {
        let findings = Schema.shared.check(
            [
                "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "x", "labels": ["any": "thing"]],
                "spec": ["containers": [["name": "c", "imagee": "typo"]], "foo": 1],
            ], kind: Self.pod)
        #expect(findings.unknownFields.sorted() == ["spec.containers[0].imagee", "spec.foo"])
        #expect(findings.mismatches.isEmpty)
        #expect(
            findings.refusal(of: Self.pod, duplicates: ["spec.foo"])?.status.message
                == "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: duplicate field "
                + "\"spec.foo\", unknown field \"spec.containers[0].imagee\", unknown field \"spec.foo\"")
        #expect(findings.refusal(of: Self.pod, strict: false) == nil)
    }

    @Test(arguments: [
        (
            #"{"spec":{"replicas":"3"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        ),
        (
            #"{"spec":{"replicas":3000000000}}"#,
            "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"
        ),
        (
            #"{"spec":{"replicas":1.5}}"#,
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"
        ),
        (
            #"{"spec":{"template":{"spec":{"containers":"x"}}}}"#,
            "json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type "
                + "[]v1.Container"
        ),
        (
            #"{"spec":{"template":{"spec":{"containers":[{"env":[{"name":"A","value":5}]}]}}}}"#,
            "json: cannot unmarshal number into Go struct field "
                + "EnvVar.spec.template.spec.containers[0].env[0].value of type string"
        ),
        (
            #"{"spec":{"paused":"yes"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool"
        ),
        (
            #"{"metadata":{"labels":{"a":true}}}"#,
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels[a] of type string"
        ),
        (
            #"{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"1x"}}}]}}}}"#,
            "spec.template.spec.containers[0].resources.limits[cpu]: \(Quantity.syntaxProblem)"
        ),
        (
            #"{"metadata":{"creationTimestamp":"yesterday"}}"#,
            "metadata.creationTimestamp: \"yesterday\" is not a time in RFC 3339 form"
        ),
        ("[]", "json: cannot unmarshal array into Go value of type v1.Deployment"),
    ])
    func mismatches(object: String, message: String) throws {
        let value = try JSONParser.parse(object.utf8)
        #expect(Schema.shared.check(value, kind: Self.deployment).mismatches == [message])
    }

    @Test func nullCountsAsAbsentAndGoodObjectsPass() {
        let object: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["creationTimestamp": nil, "name": "x"],
            "spec": [
                "replicas": nil, "strategy": ["rollingUpdate": ["maxSurge": "25%", "maxUnavailable": 1]],
                "template": ["spec": ["containers": [["resources": ["limits": ["cpu": 1, "memory": "1Gi"]]]]]],
            ],
        ]
        #expect(Schema.shared.check(object, kind: Self.deployment).isEmpty)
    }

    @Test func unknownFieldsAreRemoved() {
        let pruned = Schema.shared.removingUnknownFields(
            from: ["spec": ["containers": [["name": "c", "x": 1]], "y": 2], "metadata": ["labels": ["z": "3"]]],
            kind: Self.pod)
        #expect(pruned == ["spec": ["containers": [["name": "c"]]], "metadata": ["labels": ["z": "3"]]])
    }

    @Test func duplicatesHavePaths() throws {
        let text = #"{"spec":{"containers":[{"name":"a","name":"b"}]},"spec":{}}"#
        #expect(try JSONParser.parseNotingDuplicates(text.utf8).duplicates == ["spec.containers[0].name", "spec"])
    }
}
