import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// What the kinds do that are no more than a description, a controller and columns.
    @Suite(.enabled(if: EndToEnd.hasKubectl, EndToEnd.kubectlReason)) struct Kinds {
        @Test func `a replication controller keeps its pods and leaves them to the next`() async throws {
            let node = try EndToEnd.node()
            let manifest = """
                apiVersion: v1
                kind: ReplicationController
                metadata: {name: copies}
                spec:
                  replicas: 2
                  template:
                    metadata: {labels: {app: copies}}
                    spec:
                      terminationGracePeriodSeconds: 1
                      containers: [{name: c, image: "myapp:1.4.2"}]
                """
            let created = try await node.kubectl("create", "-f", "-", input: manifest)
            #expect(created.output == "replicationcontroller/copies created\n", "\(created)")
            try await expectCopies(2, node)
            let names = Set(try await EndToEnd.pods(node, "app=copies").map(\.name))
            let left = try await node.kubectl("delete", "rc", "copies", "--cascade=orphan")
            #expect(left.code == 0, "\(left)")
            #expect(try await node.kubectl("create", "-f", "-", input: manifest).code == 0)
            let scaled = try await node.kubectl("scale", "rc", "copies", "--replicas=3")
            #expect(scaled.output == "replicationcontroller/copies scaled\n", "\(scaled)")
            try await expectCopies(3, node)
            #expect(Set(try await EndToEnd.pods(node, "app=copies").map(\.name)).isSuperset(of: names))
            let printed = try await node.kubectl("get", "rc", "copies", "-o", "wide", "--no-headers")
            let cells = printed.output.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
            #expect(Array(cells.prefix(4)) == ["copies", "3", "3", "3"] && cells.contains("myapp:1.4.2"), "\(printed)")
            #expect(try await node.kubectl("delete", "rc", "copies", "--cascade=foreground").code == 0)
            #expect(try await EndToEnd.pods(node, "app=copies").isEmpty)
        }

        private func expectCopies(_ count: Int, _ node: Node) async throws {
            try await EndToEnd.eventually("\(count) copies are ready") {
                let pods = try await EndToEnd.pods(node, "app=copies")
                return (pods.count == count && pods.allSatisfy(\.isReady), "\(pods)")
            }
        }

        @Test func `a pod of a higher class takes the place of another one`() async throws {
            let node = try EndToEnd.node()
            let made = try await node.kubectl("create", "priorityclass", "precious", "--value=1000")
            #expect(made.output == "priorityclass.scheduling.k8s.io/precious created\n", "\(made)")
            let cores = ProcessInfo.processInfo.processorCount
            func pod(_ name: String, _ className: String) -> String {
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: \(name), labels: {app: rivals}}
                spec:
                  \(className)
                  terminationGracePeriodSeconds: 1
                  containers:
                  - {name: c, image: "myapp:1.4.2", resources: {requests: {cpu: "\(cores * 600)m"}}}
                """
            }
            #expect(try await node.kubectl("create", "-f", "-", input: pod("lesser", "")).code == 0)
            try await EndToEnd.eventually("the first runs") {
                let pods = try await EndToEnd.pods(node, "app=rivals")
                return (pods.first?.isReady == true, "\(pods)")
            }
            #expect(
                try await node.kubectl("create", "-f", "-", input: pod("better", "priorityClassName: precious")).code
                    == 0)
            try await EndToEnd.eventually("the second runs in its place") {
                let pods = try await EndToEnd.pods(node, "app=rivals")
                return (pods.map(\.name) == ["better"] && pods[0].isReady, "\(pods)")
            }
            let events = try await node.kubectl(
                "get", "events.events.k8s.io", "--field-selector", "reason=Preempted,regarding.name=lesser",
                "--no-headers")
            #expect(events.output.contains("Preempted by pod"), "\(events)")
            #expect(try await node.kubectl("delete", "pod", "better", "--now").code == 0)
            #expect(try await node.kubectl("delete", "pc", "precious").code == 0)
        }
    }
}
