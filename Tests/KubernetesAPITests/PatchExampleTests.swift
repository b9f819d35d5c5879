import Testing

@testable import KubernetesAPI

/// The examples by which Kubernetes documents its patches, as tables: "Update API Objects in Place Using kubectl
/// patch", the API conventions' strategic merge patch with its directives, and the designs of `$setElementOrder` (order
/// of lists) and `$retainKeys` (unions).
@Suite struct PatchExampleTests {
    struct Row: Sendable {
        var kind = "Deployment"
        var type = APIRequest.PatchType.strategic
        var object: String
        var patch: String
        var result: String
    }

    private static func template(_ spec: String) -> String { #"{"spec":{"template":{"spec":\#(spec)}}}"# }

    @Test(arguments: [
        // "Use a strategic merge patch to update a Deployment": a container joins the other.
        Row(
            object: template(
                #"{"containers":[{"name":"patch-demo-ctr","image":"nginx"}],"tolerations":[{"key":"a"}]}"#),
            patch: template(#"{"containers":[{"name":"patch-demo-ctr-2","image":"redis"}]}"#),
            result: template(
                #"{"containers":[{"name":"patch-demo-ctr-2","image":"redis"},{"name":"patch-demo-ctr","image":"nginx"}],"tolerations":[{"key":"a"}]}"#
            )),
        // "Notes on the strategic merge patch": tolerations have no merge key and are replaced.
        Row(
            object: template(
                #"{"tolerations":[{"effect":"NoSchedule","key":"dedicated","value":"test-team"}]}"#),
            patch: template(#"{"tolerations":[{"effect":"NoSchedule","key":"disktype","value":"ssd"}]}"#),
            result: template(#"{"tolerations":[{"effect":"NoSchedule","key":"disktype","value":"ssd"}]}"#)),
        // "Use a JSON merge patch": the list is replaced.
        Row(
            type: .merge, object: template(#"{"containers":[{"name":"a"},{"name":"b"}],"dnsPolicy":"Default"}"#),
            patch: template(#"{"containers":[{"name":"patch-demo-ctr-3","image":"gcr.io/hello"}]}"#),
            result: template(
                #"{"containers":[{"name":"patch-demo-ctr-3","image":"gcr.io/hello"}],"dnsPolicy":"Default"}"#)),
        // "Use strategic merge patch to update a Deployment using the retainKeys strategy".
        Row(
            object: #"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"30%"},"type":"RollingUpdate"}}}"#,
            patch: #"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#,
            result: #"{"spec":{"strategy":{"type":"Recreate"}}}"#),
        // "Update an object's replica count": a subresource's merge patch.
        Row(
            type: .merge, object: #"{"spec":{"replicas":1}}"#, patch: #"{"spec":{"replicas":2}}"#,
            result: #"{"spec":{"replicas":2}}"#),
        // "kubectl patch pod valid-pod --type=json".
        Row(
            kind: "Pod", type: .json, object: #"{"spec":{"containers":[{"name":"c","image":"old"}]}}"#,
            patch: #"[{"op":"replace","path":"/spec/containers/0/image","value":"new image"}]"#,
            result: #"{"spec":{"containers":[{"name":"c","image":"new image"}]}}"#),
        // API conventions: `$patch: replace` for a list, for a map, `$patch: delete` for an item.
        Row(
            kind: "Pod", object: #"{"spec":{"containers":[{"name":"nginx"},{"name":"log-tailer"}]}}"#,
            patch: #"{"spec":{"containers":[{"name":"nginx","image":"nginx-1.0"},{"$patch":"replace"}]}}"#,
            result: #"{"spec":{"containers":[{"name":"nginx","image":"nginx-1.0"}]}}"#),
        Row(
            object: #"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#,
            patch: #"{"spec":{"strategy":{"$patch":"replace","type":"Recreate"}}}"#,
            result: #"{"spec":{"strategy":{"type":"Recreate"}}}"#),
        Row(
            kind: "Pod", object: #"{"spec":{"containers":[{"name":"nginx"},{"name":"log-tailer"}]}}"#,
            patch: #"{"spec":{"containers":[{"name":"log-tailer","$patch":"delete"}]}}"#,
            result: #"{"spec":{"containers":[{"name":"nginx"}]}}"#),
        Row(
            object: #"{"metadata":{"labels":{"a":"1"},"annotations":{"b":"2"}}}"#,
            patch: #"{"metadata":{"labels":{"$patch":"delete"},"annotations":null}}"#,
            result: #"{"metadata":{"labels":{}}}"#),
        // Values are taken out of a list of scalars while others join.
        Row(
            kind: "Pod", object: #"{"metadata":{"finalizers":["a/1","b/1","c/1"]}}"#,
            patch:
                #"{"metadata":{"$deleteFromPrimitiveList/finalizers":["b/1"],"$setElementOrder/finalizers":["d/1","c/1","a/1"],"finalizers":["d/1"]}}"#,
            result: #"{"metadata":{"finalizers":["d/1","c/1","a/1"]}}"#),
        // The design of `$setElementOrder`: items that only the server has keep their places relative to it.
        Row(
            kind: "Pod", object: #"{"spec":{"containers":[{"name":"1"},{"name":"server"},{"name":"2"},{"name":"3"}]}}"#,
            patch:
                #"{"spec":{"$setElementOrder/containers":[{"name":"3"},{"name":"2"},{"name":"1"}],"containers":[{"name":"2","image":"x"}]}}"#,
            result:
                #"{"spec":{"containers":[{"name":"server"},{"name":"3"},{"name":"2","image":"x"},{"name":"1"}]}}"#),
        // What is in the order and was deleted by another is not made again.
        Row(
            kind: "Pod", object: #"{"spec":{"containers":[{"name":"1"}]}}"#,
            patch: #"{"spec":{"$setElementOrder/containers":[{"name":"2"},{"name":"1"}]}}"#,
            result: #"{"spec":{"containers":[{"name":"1"}]}}"#),
        // The design of `$retainKeys`: the union's other member goes with the change of its kind.
        Row(
            kind: "Pod", object: #"{"spec":{"volumes":[{"name":"v","hostPath":{"path":"/a"}}]}}"#,
            patch:
                #"{"spec":{"volumes":[{"name":"v","$retainKeys":["name","emptyDir"],"emptyDir":{}}]}}"#,
            result: #"{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}"#),
        // Merge keys that are no names: ports by number, mounts by path, owners by uid.
        Row(
            kind: "Service", object: #"{"spec":{"ports":[{"port":80,"name":"a"},{"port":81,"name":"b"}]}}"#,
            patch: #"{"spec":{"ports":[{"port":81,"targetPort":8081}]}}"#,
            result: #"{"spec":{"ports":[{"port":80,"name":"a"},{"port":81,"name":"b","targetPort":8081}]}}"#),
        Row(
            kind: "Pod", object: #"{"metadata":{"ownerReferences":[{"uid":"1","name":"a"},{"uid":"2","name":"b"}]}}"#,
            patch: #"{"metadata":{"ownerReferences":[{"$patch":"delete","uid":"1"}]}}"#,
            result: #"{"metadata":{"ownerReferences":[{"uid":"2","name":"b"}]}}"#),
    ])
    func documentedExamples(_ row: Row) throws {
        let kind = GroupVersionKind(apiVersion: row.kind == "Deployment" ? "apps/v1" : "v1", kind: row.kind)
        let patched = try Patch.apply(
            JSONParser.parse(row.patch.utf8), row.type, to: JSONParser.parse(row.object.utf8), kind: kind)
        #expect(try patched == JSONParser.parse(row.result.utf8), "\(patched.text)")
    }

    @Test(arguments: [
        #"{"metadata":{"labels":{"$patch":"explode"}}}"#, #"{"spec":{"containers":[{"image":"no name"}]}}"#,
        #"{"spec":{"$setElementOrder/containers":"x"}}"#, #"{"metadata":{"$deleteFromPrimitiveList/finalizers":1}}"#,
        #"{"spec":{"volumes":[{"name":"v","$retainKeys":"x"}]}}"#, #"[1]"#,
        #"{"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b"}]}}"#,
    ])
    func brokenDirectivesAreRefused(patch: String) throws {
        let kind = GroupVersionKind(apiVersion: "v1", kind: "Pod")
        let error = #expect(throws: PatchError.self) {
            try StrategicMergePatch.apply(
                JSONParser.parse(patch.utf8), to: ["spec": ["containers": [["name": "a"]]]], kind: kind)
        }
        #expect(error?.kind == .malformed)
    }
}
