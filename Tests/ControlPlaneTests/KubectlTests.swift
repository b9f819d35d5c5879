import Foundation
import KubernetesAPI
import Testing

/// The real kubectl against the real server, over TLS.
@Suite(.serialized) struct KubectlTests {
    private static let deployment = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, labels: {app: web}}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
              - {name: web, image: "nginx:1", ports: [{containerPort: 80}]}
        """

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func applyGetPatchScaleUndoDelete() async throws {
        try await TestCluster.run { cluster in
            func expect(_ arguments: [String], _ text: String, input: String = "", _ line: Int = #line) async throws {
                let output = try await cluster.kubectl(arguments, input: input)
                #expect(
                    output.status == 0 && output.out.contains(text),
                    "kubectl \(arguments.joined(separator: " ")): \(output.out)\(output.err)")
            }
            try await expect(["apply", "-f", "-"], "deployment.apps/web created", input: Self.deployment)
            try await expect(["apply", "-f", "-"], "deployment.apps/web unchanged", input: Self.deployment)
            try await expect(
                ["apply", "-f", "-"], "deployment.apps/web configured",
                input: Self.deployment.replacing("replicas: 2", with: "replicas: 3"))
            try await expect(["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"], "3")
            try await expect(["get", "deploy", "-o", "wide"], "nginx:1")
            try await expect(["set", "image", "deploy/web", "web=nginx:2"], "image updated")
            try await expect(["scale", "deploy/web", "--replicas=1"], "scaled")
            try await expect(["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"], "1")
            try await expect(["label", "deploy/web", "tier=front"], "labeled")
            try await expect(["annotate", "deploy/web", "note=x"], "annotated")
            try await expect(["get", "deploy", "-l", "tier=front", "-o", "name"], "deployment.apps/web")
            try await expect(["get", "deploy", "--field-selector", "metadata.name=web", "-o", "name"], "web")
            try await expect(["wait", "--for=jsonpath={.spec.replicas}=1", "deploy/web", "--timeout=5s"], "met")
            try await expect(["explain", "deployment.spec.strategy"], "rollingUpdate")
            try await expect(["api-resources"], "deployments")
            try await expect(["get", "all"], "deployment.apps/web")
            try await expect(["delete", "deploy/web", "--timeout=10s"], "deleted")
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func imperativeCreationSpeaksProtobuf() async throws {
        try await TestCluster.run { cluster in
            func run(_ arguments: String...) async throws -> String {
                let output = try await cluster.kubectl(arguments)
                #expect(output.status == 0, "\(arguments): \(output.err)")
                return output.out
            }
            _ = try await run("create", "namespace", "extra")
            _ = try await run(
                "create", "deployment", "web", "--image=nginx", "--replicas=3", "--port=80", "-n", "extra")
            let deployment = try await cluster.client.get(Deployment.self, "web", namespace: "extra")
            #expect(deployment.spec.replicas == 3)
            #expect(deployment.spec.template.spec.containers.first?.ports.first?.containerPort == 80)
            #expect(deployment.spec.strategy.rollingUpdate?.maxSurge == "25%")
            _ = try await run("create", "configmap", "cm", "--from-literal=a=b")
            let configMap = try await cluster.client.get(ConfigMap.self, "cm", namespace: "default")
            #expect(configMap.data == ["a": "b"])
            _ = try await run("create", "secret", "generic", "s", "--from-literal=p=w")
            let secret = try await cluster.client.get(Secret.self, "s", namespace: "default")
            #expect(secret.data == ["p": Data("w".utf8)])
            _ = try await run("create", "serviceaccount", "robot")
        }
    }

    @Test(
        .enabled(if: TestCluster.hasKubectl, "no kubectl is installed"),
        arguments: [
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: b, imagee: x}]}",
                "unknown field \"spec.containers[0].imagee\""
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: \"3\", selector: "
                    + "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}",
                "spec.replicas of type int32"
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: -1, selector: "
                    + "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}",
                "spec.replicas: Invalid value: -1"
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: "
                    + "{matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: x}]}}}",
                "spec.template.metadata.labels: Invalid value"
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: b, resources: "
                    + "{requests: {memory: 2Gi}, limits: {memory: 1Gi}}}]}",
                "spec.containers[0].resources.requests"
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: b, "
                    + "readinessProbe: {httpGet: {port: 99999}}}]}",
                "spec.containers[0].readinessProbe.httpGet.port"
            ),
            ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}", "metadata.name: Invalid value"),
            ("apiVersion: v1\nkind: Widget\nmetadata: {name: w}", "Widget"),
            (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}",
                "namespaces \"nowhere\" not found"
            ),
        ])
    func badInputIsRefusedWithItsPath(_ manifest: String, _ message: String) async throws {
        try await TestCluster.run { cluster in
            let output = try await cluster.kubectl(["apply", "-f", "-"], input: manifest)
            #expect(output.status == 1)
            #expect(output.err.contains(message), "\(output.err)")
            #expect(try await cluster.client.list(Pod.self).items.isEmpty)
            #expect(try await cluster.client.list(Deployment.self).items.isEmpty)
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func aBodyOfMoreThanThreeMebibytesIsRefused() async throws {
        try await TestCluster.run { cluster in
            let value = String(repeating: "x", count: 3 << 20)
            let output = try await cluster.kubectl(
                ["create", "-f", "-"],
                input: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: \"\(value)\"}")
            #expect(output.status == 1)
            #expect(output.err.contains("RequestEntityTooLarge"), "\(output.err)")
            #expect(
                try await cluster.client.list(ConfigMap.self, namespace: "default").items.allSatisfy {
                    $0.metadata.name != "big"
                })
        }
    }
}
