import Foundation
import Testing

@testable import KubernetesAPI

/// The descriptions of kinds, the rules of fields and the page that is made of both.
@Suite struct ServedKindsTests {
    @Test func everyEntryIsUnderstood() throws {
        let entries = try #require(try JSONParser.parse(kubernetesAPIDescription.utf8)["served"]?.arrayValue)
        #expect(entries.count > 25 && Schema.shared.served.count == entries.count)
        let known: Set<String> = [
            "type", "origin", "subresources", "generation", "selectableFields", "readableBy", "writableBy",
            "isExpendable", "storedAs", "orphansDependents", "deprecation",
        ]
        for (entry, kind) in zip(entries, Schema.shared.served) {
            let name = kind.resource.kind.description
            let unknown = entry.objectValue?.keys.filter { !known.contains($0) } ?? []
            #expect(unknown.isEmpty, "\(name)")
            #expect((entry["readableBy"] != nil) == (kind.readableBy != nil), "\(name)")
            #expect((entry["writableBy"] != nil) == (kind.writableBy != nil), "\(name)")
            #expect((entry["storedAs"] != nil) == (kind.storedAs != nil), "\(name)")
            #expect(kind.subresources.values.allSatisfy { !$0.isEmpty }, "\(name)")
            let type = try #require(Kinds.type(of: kind.resource.kind), "\(name) has no Swift type: make generate")
            #expect(type.groupVersionKind == kind.resource.kind)
            for field in kind.selectableFields { #expect(has(field, kind), "\(name) has no \(field)") }
        }
    }

    private func has(_ path: String, _ kind: Schema.ServedKind) -> Bool {
        has(path, below: Schema.shared.structure(of: kind.resource.kind))
    }

    /// Whether a path of the rules' form leads somewhere.
    private func has(_ path: String, below structure: Schema.Structure?) -> Bool {
        var structure = structure
        var isEnd = false
        for component in path.replacing("[]", with: "").split(separator: ".") {
            guard !isEnd, let field = structure?[String(component)] else { return false }
            structure = field.type.innermostStructure.flatMap { Schema.shared.structures[$0] }
            isEnd = structure == nil
        }
        return true
    }

    @Test func everyRuleIsAboutAFieldThatThereIs() {
        for rule in SupportedFields.pod {
            #expect(has(rule.path, below: Schema.shared.structures["core.v1.PodSpec"]), "\(rule.path)")
        }
        for rule in SupportedFields.service {
            #expect(has(rule.path, below: Schema.shared.structures["core.v1.ServiceSpec"]), "\(rule.path)")
        }
        let paths = Set(SupportedFields.pod.map(\.path))
        #expect(
            paths.isSuperset(of: ["volumes[].nfs", "containers[].livenessProbe.grpc", "initContainers[].stdinOnce"]))
        #expect(!paths.contains("volumes[].emptyDir") && !paths.contains("securityContext.procMount"))
    }

    @Test(arguments: [
        (#"{"os":{"name":"windows"}}"#, "spec.os: Forbidden: not supported by minikube-lite"),
        (#"{"os":{"name":"linux"}}"#, ""),
        (
            #"{"containers":[{"name":"a"},{"name":"b","volumeMounts":[{"recursiveReadOnly":"Enabled"}]}]}"#,
            "spec.containers[1].volumeMounts[0].recursiveReadOnly: Forbidden: not supported by minikube-lite"
        ),
        (#"{"containers":[{"volumeMounts":[{"recursiveReadOnly":"Disabled"}]}]}"#, ""),
        (
            #"{"containers":[{"ports":[{"containerPort":1,"hostPort":1,"protocol":"SCTP"}]}]}"#,
            "spec.containers[0].ports[0].hostPort: Forbidden: SCTP is not supported by minikube-lite"
        ),
        (#"{"hostNetwork":true,"containers":[{"ports":[{"containerPort":1,"hostPort":1,"protocol":"SCTP"}]}]}"#, ""),
        (
            #"{"securityContext":{"seccompProfile":{"type":"Localhost"}}}"#,
            "spec.securityContext.seccompProfile.type: Forbidden: Localhost is not supported by minikube-lite"
        ),
        (
            #"{"initContainers":[{"livenessProbe":{"grpc":{"port":1}}}]}"#,
            "spec.initContainers[0].livenessProbe.grpc: Forbidden: not supported by minikube-lite; use one of exec, "
                + "httpGet, tcpSocket"
        ),
        (
            #"{"volumes":[{"emptyDir":{"medium":"HugePages-2Mi"}}]}"#,
            "spec.volumes[0].emptyDir.medium: Forbidden: huge pages are not supported by minikube-lite"
        ),
    ])
    func refusals(spec: String, message: String) throws {
        var errors = FieldErrors()
        SupportedFields.pod.refuse(try JSONParser.parse(spec.utf8), at: FieldPath("spec"), into: &errors)
        #expect(errors.all.map(\.description).joined(separator: "\n") == message)
    }

    @Test func servicesAreWarnedAbout() throws {
        let spec = try JSONParser.parse(
            #"{"ports":[{"protocol":"TCP"},{"protocol":"SCTP"}],"loadBalancerIP":"192.0.2.1"}"#.utf8)
        #expect(
            SupportedFields.service.warnings(on: spec, at: FieldPath("spec")) == [
                "spec.ports[1].protocol: has no effect: SCTP is not supported by minikube-lite",
                "spec.loadBalancerIP: has no effect: load balancers have the node's address",
            ])
    }

    @Test func thePageIsCurrent() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/supported.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        #expect(text == SupportedDocument.text, "docs/supported.md is stale: make generate")
        for line in ["| PriorityClass | `scheduling.k8s.io/v1` |", "| `volumes[].nfs` | any |"] {
            #expect(text.contains(line))
        }
    }
}
