import AsyncHTTPClient
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import ControlPlane

/// What the API does for pods beside storing them: gates, warnings, and the options of logs.
@Suite(.timeLimit(.minutes(2))) struct PodAPITests {
    private func pod(_ name: String = "web", gates: [String] = [], node: String = "") -> Pod {
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = "default"
        pod.spec.nodeName = node
        pod.spec.schedulingGates = gates.map { name in
            var gate = PodSchedulingGate()
            gate.name = name
            return gate
        }
        var container = Container()
        container.name = "main"
        container.image = "busybox"
        pod.spec.containers = [container]
        return pod
    }

    @Test func aGatedPodGoesToNoNode() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let gated = try await client.create(pod(gates: ["example.com/quota"]))
            #expect(gated.status.conditions.map(\.reason) == ["SchedulingGated"])
            func bind() async throws {
                _ = try await client.transport.send(
                    APIRequest(
                        verb: .create, group: "", version: "v1", resource: "pods", namespace: "default", name: "web",
                        subresource: "binding", body: ["target": ["kind": "Node", "name": "n1"]]))
            }
            let refused = await refusal { try await bind() }
            #expect(refused?.code == 409)
            #expect(refused?.status.message.hasSuffix("pod web has non-empty .spec.schedulingGates") == true)

            var open = try await client.get(Pod.self, "web", namespace: "default")
            open.spec.schedulingGates = []
            _ = try await client.update(open)
            try await bind()
            let bound = try await client.get(Pod.self, "web", namespace: "default")
            let scheduled = try #require(bound.status.conditions.first { $0.type == .podScheduled })
            #expect(scheduled.status == .true && scheduled.reason.isEmpty)
            #expect(scheduled.observedGeneration == bound.metadata.generation)
        }
    }

    /// So that a controller that tries again and again says the same each time, which is one event.
    @Test func whatIsNotAdmittedHasNoGeneratedName() async throws {
        try await TestCluster.run { cluster in
            var copy = pod("")
            copy.metadata.generateName = "web-5c56869554-"
            copy.spec.serviceAccountName = "nobody"
            let refused = await refusal { [copy] in _ = try await cluster.client.create(copy) }
            #expect(
                refused?.status.message
                    == "pods \"web-5c56869554-\" is forbidden: error looking up service account default/nobody: "
                    + "serviceaccount \"nobody\" not found")
        }
    }

    @Test(arguments: [
        (["tailLines": "-1"], "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        (["sinceSeconds": "0"], "sinceSeconds: Invalid value: 0: must be greater than 0"),
        (["limitBytes": "0"], "limitBytes: Invalid value: 0: must be greater than 0"),
        (
            ["sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"],
            "sinceTime: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        ),
    ])
    func logOptions(query: [String: String], problem: String) async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod(node: "n"))
            try await cluster.withClient { client in
                let parameters = query.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
                let answer = try await client.answer(
                    .GET, "\(cluster.server)/api/v1/namespaces/default/pods/web/log?\(parameters)")
                #expect(answer.code == 422)
                #expect(answer.text.contains("PodLogOptions \\\"web\\\" is invalid: \(problem)"), "\(answer.text)")
            }
        }
    }

    /// A pod is warned about as its author wrote it, a template also when it changes.
    @Test func whatIsMostLikelyAMistakeIsWarnedAbout() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let container =
                    #"{"name":"c","image":"i","env":[{"name":"A","value":"1"},{"name":"A","value":"2"}]}"#
                let template = #"{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[\#(container)]}}"#
                func send(
                    _ method: HTTPMethod, _ path: String, _ type: String, _ body: String
                ) async throws -> String {
                    let answer = try await client.answer(
                        method, "\(cluster.server)\(path)", [("Content-Type", type)], body: Array(body.utf8))
                    #expect(answer.code < 300, "\(answer.text)")
                    return answer.header("Warning")
                }
                func warning(_ path: String) -> String {
                    "299 - \"\(path).containers[0].env[1]: hides previous definition of \\\"A\\\", which may be dropped "
                        + "when using apply\""
                }
                let made = try await send(
                    .POST, "/api/v1/namespaces/default/pods", "application/json",
                    #"{"metadata":{"name":"p"},"spec":{"containers":[\#(container)]}}"#)
                #expect(made == warning("spec"))
                let deployments = "/apis/apps/v1/namespaces/default/deployments"
                let deployed = try await send(
                    .POST, deployments, "application/json",
                    #"{"metadata":{"name":"d"},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},"#
                        + #""template":\#(template)}}"#)
                #expect(deployed == warning("spec.template.spec"))
                let changed = try await send(
                    .PATCH, deployments + "/d", "application/merge-patch+json", #"{"spec":{"paused":true}}"#)
                #expect(changed == warning("spec.template.spec"))
            }
        }
    }
}
