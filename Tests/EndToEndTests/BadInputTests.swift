import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    @Suite struct BadInput {
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let manifest: String
            /// What the message has to say: above all the path of the field.
            let expected: String
            var testDescription: String { name }
        }

        static func pod(_ spec: String, name: String = "bad") -> String {
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: \(name)\nspec:\n  containers:\n  - name: c\n    image: busybox\n\(spec)"
        }

        static func deployment(replicas: String = "1", label: String = "bad") -> String {
            """
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: bad
            spec:
              replicas: \(replicas)
              selector:
                matchLabels:
                  app: bad
              template:
                metadata:
                  labels:
                    app: \(label)
                spec:
                  containers:
                  - name: c
                    image: busybox
            """
        }

        static let cases = [
            Case(name: "broken YAML", manifest: "apiVersion: v1\nkind: [", expected: "yaml: line"),
            Case(name: "an unknown field", manifest: pod("    comand: [sh]\n"), expected: "spec.containers[0].comand"),
            Case(
                name: "a wrong type", manifest: pod("    ports:\n    - containerPort: many\n"),
                expected: "spec.containers[0].ports[0].containerPort"),
            Case(name: "a negative replica count", manifest: deployment(replicas: "-1"), expected: "spec.replicas"),
            Case(
                name: "a selector that does not match", manifest: deployment(label: "other"),
                expected: "spec.template.metadata.labels"),
            Case(
                name: "a limit below the request",
                manifest: pod("    resources:\n      requests: {memory: 64Mi}\n      limits: {memory: 32Mi}\n"),
                expected: "spec.containers[0].resources.requests"),
            Case(name: "a name that is no DNS name", manifest: pod("", name: "Bad_Name"), expected: "metadata.name"),
            Case(
                name: "an unknown kind", manifest: "apiVersion: v1\nkind: Pood\nmetadata: {name: bad}\n",
                expected: "Pood"),
            Case(
                name: "a probe port out of range",
                manifest: pod("    readinessProbe:\n      httpGet: {path: /, port: 70000}\n"),
                expected: "spec.containers[0].readinessProbe.httpGet.port"),
        ]

        @Test(arguments: cases) func `is refused with the path of the field, and nothing is stored`(_ bad: Case)
            async throws
        {
            let node = try EndToEnd.node()
            let ours = try await node.cli("apply", "-f", "-", input: bad.manifest)
            #expect(ours.code == 1, "\(ours)")
            #expect(ours.errors.contains(bad.expected), "\(ours)")
            if hasKubectl {
                let theirs = try await node.kubectl("apply", "-f", "-", input: bad.manifest)
                #expect(theirs.code != 0, "\(theirs)")
            }
            let left = try await node.cli("get", "pods,deployments,configmaps", "-o", "name")
            #expect(!left.output.lowercased().contains("bad"), "\(left)")
        }

        @Test func `a ConfigMap of 3 MiB is refused`() async throws {
            let node = try EndToEnd.node()
            let data = String(repeating: "x", count: 3 << 20)
            let map =
                #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bad"}, "data": {"a": "\#(data)"}}"#
            let result = try await node.cli("apply", "-f", "-", input: map)
            #expect(result.code == 1 && !result.errors.isEmpty, "\(result.errors.prefix(500))")
            #expect(try await node.cli("get", "configmap", "bad").code == 1)
        }

        @Test func `an executable that is not there gives StartError with its name, not a hang`() async throws {
            let node = try EndToEnd.node()
            let run = try await node.cli(
                "run", "noexec", "--image", "busybox", "--restart", "Never", "--command", "--", "/nosuch/program")
            #expect(run.code == 0, "\(run)")
            try await eventually("the container says why") {
                let pod = try await node.cli("get", "pod", "noexec", "-o", "json")
                let hasReason = pod.output.contains("StartError") || pod.output.contains("RunContainerError")
                return (hasReason && pod.output.contains("/nosuch/program"), "\(pod)")
            }
            #expect(try await node.cli("delete", "pod", "noexec", "--now").code == 0)
        }

        @Test(arguments: ["../outside", "/etc/outside", "link"])
        func `a tar that leads out of its root is refused and leaves nothing`(_ entry: String) async throws {
            let node = try EndToEnd.node()
            let folder = "\(node.root)/test-images/tar-\(UUID().uuidString)"
            let files = FileManager.default
            try files.createDirectory(atPath: "\(folder)/tree", withIntermediateDirectories: true)
            try "x".write(toFile: "\(folder)/tree/file", atomically: true, encoding: .utf8)
            let tar = "\(folder)/bad.tar"
            var arguments = ["-cPf", tar, "-C", "\(folder)/tree", "--transform", "s,^file$,\(entry),", "file"]
            if entry == "link" {
                try files.createSymbolicLink(atPath: "\(folder)/tree/link", withDestinationPath: "../../outside")
                arguments = ["-cPf", tar, "-C", "\(folder)/tree", "link"]
            }
            let made = try await Command.run("/usr/bin/tar", arguments)
            try #require(made.code == 0, "\(made)")
            let result = try await node.cli("image", "import", "bad:1", tar, "--root", node.root)
            #expect(result.code == 1, "\(result)")
            #expect(result.errors.contains("outside"), "\(result)")
            let images = try await node.cli("image", "ls", "--root", node.root)
            // Compared by name: the column of digests is hexadecimal, and may well contain "bad".
            let names = images.output.split(separator: "\n").compactMap { $0.split(separator: " ").first }
            #expect(names.first == "REPOSITORY" && !names.contains("bad"), "\(images)")
        }

        @Test func `a server that is not there is named, with a code of its own`() async throws {
            let result = try await Command.run(
                "\(Node.programs)/minikube-lite", ["get", "pods", "--kubeconfig", "/nosuch/kubeconfig"])
            #expect(result.code == 69 && result.errors.contains("/nosuch/kubeconfig"), "\(result)")
        }
    }
}
