import Foundation
import NodeHarness
import Testing

extension EndToEnd.Services {
    /// A client inside a pod, with nothing but what every pod has.
    @Suite struct InCluster {
        private static let program = """
            from kubernetes import client, config
            from kubernetes.client.rest import ApiException
            config.load_incluster_config()
            core = client.CoreV1Api()
            print("version", client.VersionApi().get_code().git_version)
            try:
                print("pods", len(core.list_namespaced_pod("default").items))
            except ApiException as error:
                print("refused", error.status, error.body)
            """

        private func pod(_ name: String) -> String {
            let lines = Self.program.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
            return """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name)}
                spec:
                  restartPolicy: Never
                  containers:
                  - name: main
                    image: python
                    command:
                    - python3
                    - -c
                    - |
                \(lines)
                ---

                """
        }

        private static let binding = """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata: {name: reader}
            rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: reader}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
            subjects: [{kind: ServiceAccount, name: default, namespace: default}]
            ---

            """

        @Test func `the official Python client works in a pod, with what its account may do`() async throws {
            let lab = try lab()
            try await lab.apply(pod("before"))
            try await lab.wait("jsonpath={.status.phase}=Succeeded", "pod/before")
            let before = try await lab.node.kubectl("logs", "before")
            #expect(before.lines.first?.hasPrefix("version v1.") == true, "\(before)")
            let wording =
                #"pods is forbidden: User \"system:serviceaccount:default:default\" cannot list resource \"pods\" in API "#
                + #"group \"\" in the namespace \"default\""#
            #expect(before.output.contains("refused 403") && before.output.contains(wording), "\(before)")

            try await lab.apply(Self.binding + pod("after"))
            try await lab.wait("jsonpath={.status.phase}=Succeeded", "pod/after")
            let after = try await lab.node.kubectl("logs", "after")
            #expect(after.output.contains("pods 2"), "\(after)")
            try await lab.remove(Self.binding + pod("before") + pod("after"))
        }

        @Test func `a pod finds the API by its variables and its account's files`() async throws {
            let lab = try lab()
            try await lab.apply(ServiceLab.toolsPod)
            try await lab.wait("condition=Ready", "pod/tools")
            let uid = try await lab.value("pod tools", path: "{.metadata.uid}")
            let pid = try #require(lab.node.processes(ofPod: uid).first)
            let environment = try String(contentsOfFile: "/proc/\(pid)/environ", encoding: .utf8)
                .split(separator: "\0").map(String.init)
            let address = try await lab.value("service kubernetes", path: "{.spec.clusterIP}")
            #expect(environment.contains("KUBERNETES_SERVICE_HOST=\(address)"), "\(environment)")
            #expect(environment.contains("KUBERNETES_SERVICE_PORT=443"), "\(environment)")
            let files = "/var/run/secrets/kubernetes.io/serviceaccount"
            #expect(try await lab.inside("tools", "cat", "\(files)/namespace").output == "default")
            let script = """
                curl -sS --cacert \(files)/ca.crt -H "Authorization: Bearer $(cat \(files)/token)" \
                https://kubernetes.default.svc/api/v1/namespaces/default/pods
                """
            let refused = try await lab.inside("tools", "sh", "-c", script)
            #expect(refused.output.contains(#""reason": "Forbidden""#), "\(refused)")
            let wrong = try await lab.inside(
                "tools", "sh", "-c", script.replacingOccurrences(of: "$(cat \(files)/token)", with: "x.y.z"))
            #expect(wrong.output.contains("Unauthorized"), "\(wrong)")
            // A token ends with its pod.
            let token = try await lab.inside("tools", "cat", "\(files)/token").output
            let review = try await lab.review(token)
            #expect(review.contains(#""authenticated": true"#), "\(review)")
            try await lab.remove(ServiceLab.toolsPod)
        }
    }
}

extension ServiceLab {
    /// What the API says of a token.
    func review(_ token: String) async throws -> String {
        let object = """
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "\(token)"}}
            """
        return try await node.kubectl("create", "-o", "json", "-f", "-", input: object).output
    }
}
