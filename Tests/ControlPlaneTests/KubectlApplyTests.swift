import Foundation
import KubernetesAPI
import Testing

/// `kubectl apply --server-side` and what goes with it, against the real server.
@Suite(.serialized) struct KubectlApplyTests {
    private static let manifest = """
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

    private static let binaries: [String] = {
        let folders = ["/usr/bin", "/usr/local/bin", "/usr/lib/google-cloud-sdk/bin"]
        let names = ["kubectl", "kubectl.1.27", "kubectl.1.33"]
        return names.filter { name in
            folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        }
    }()

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"), arguments: binaries)
    func serverSideApplyFromTheFirstToTheLast(binary: String) async throws {
        try await TestCluster.run { cluster in
            func kubectl(_ arguments: String..., input: String = Self.manifest) async throws -> TestCluster.Output {
                try await cluster.kubectl(arguments, input: input, binary: binary)
            }
            let applied = "deployment.apps/web serverside-applied\n"
            // Nothing is made by a dry run, and a diff shows all of it.
            let dry = try await kubectl("apply", "--server-side", "--dry-run=server", "-f", "-")
            #expect(dry.out == "deployment.apps/web serverside-applied (server dry run)\n", "\(dry.err)")
            let diff = try await kubectl("diff", "--server-side", "-f", "-")
            #expect(diff.status == 1 && diff.out.contains("+  name: web"), "\(diff.err)")
            #expect(try await kubectl("apply", "--server-side", "-f", "-").out == applied)
            #expect(try await kubectl("apply", "--server-side", "-f", "-").out == applied)
            #expect(try await kubectl("diff", "--server-side", "-f", "-").status == 0)
            // Another hand changes what was applied.
            #expect(try await kubectl("set", "image", "deploy/web", "web=nginx:2").status == 0)
            let conflict = try await kubectl("apply", "--server-side", "-f", "-")
            #expect(conflict.status == 1)
            #expect(
                conflict.err.hasPrefix(
                    #"error: Apply failed with 1 conflict: conflict with "kubectl-set" using apps/v1: "#
                        + #".spec.template.spec.containers[name="web"].image"# + "\n"), "\(conflict.err)")
            #expect(try await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-").out == applied)
            // A second one shares what he wants alike, and a field goes when the last lets go of it.
            #expect(
                try await kubectl("apply", "--server-side", "--field-manager=other", "-f", "-").out == applied)
            let fewer = Self.manifest.replacing("  replicas: 2\n", with: "")
            #expect(try await kubectl("apply", "--server-side", "-f", "-", input: fewer).out == applied)
            let replicas = ["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"]
            #expect(try await cluster.kubectl(replicas).out == "2")
            #expect(
                try await kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", input: fewer).out
                    == applied)
            #expect(try await cluster.kubectl(replicas).out == "1")
            let hidden = try await kubectl("get", "deploy", "web", "-o", "yaml")
            #expect(!hidden.out.contains("managedFields"))
            let shown = try await kubectl("get", "deploy", "web", "-o", "yaml", "--show-managed-fields")
            #expect(shown.out.contains("    manager: other\n    operation: Apply\n    time: "), "\(shown.out)")
            #expect(shown.out.contains(#"k:{"name":"web"}:"#), "\(shown.out)")
        }
    }

    /// kubectl hands the fields of its client-side apply over to its server-side apply, and back.
    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"), arguments: binaries)
    func clientSideApplyIsTakenOver(binary: String) async throws {
        try await TestCluster.run { cluster in
            func kubectl(_ arguments: String..., input: String = Self.manifest) async throws -> String {
                let output = try await cluster.kubectl(arguments, input: input, binary: binary)
                #expect(output.status == 0, "kubectl \(arguments.joined(separator: " ")): \(output.err)")
                return output.out
            }
            let two = Self.manifest.replacing("nginx:1", with: "nginx:2")
            let three = Self.manifest.replacing("nginx:1", with: "nginx:3")
            #expect(try await kubectl("apply", "-f", "-") == "deployment.apps/web created\n")
            #expect(
                try await kubectl("apply", "--server-side", "-f", "-", input: two)
                    == "deployment.apps/web serverside-applied\n")
            let last = try await kubectl("apply", "view-last-applied", "deploy/web", "-o", "json")
            #expect(last.contains("nginx:2"), "\(last)")
            #expect(try await kubectl("apply", "-f", "-", input: three) == "deployment.apps/web configured\n")
            let image = "jsonpath={.spec.template.spec.containers[0].image}"
            #expect(try await kubectl("get", "deploy", "web", "-o", image) == "nginx:3")
            let edited = try await cluster.kubectl(
                ["apply", "set-last-applied", "-f", "/dev/stdin"], input: two, binary: binary)
            #expect(edited.status == 0, "\(edited.err)")
            #expect(try await kubectl("apply", "view-last-applied", "deploy/web").contains("nginx:2"))
        }
    }
}
