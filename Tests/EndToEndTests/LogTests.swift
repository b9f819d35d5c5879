import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    @Suite struct Logs {
        @Test func `logs come whole, followed, by tail, and from before a restart`() async throws {
            let node = try EndToEnd.node()
            let script = "for i in 1 2 3; do echo line $i; done; sleep 1; echo last; exit 3"
            let run = try await node.cli(
                "run", "talker", "--image", "busybox", "--restart", "Never", "--", "sh", "-c", script)
            #expect(run.output == "pod/talker created\n", "\(run)")
            try await eventually("the pod has begun to talk") {
                let logs = try await node.cli("logs", "talker")
                return (logs.output.contains("line 3"), "\(logs)")
            }
            // Following ends with the container.
            let followed = try await node.cli("logs", "talker", "--follow", deadline: .seconds(20))
            #expect(followed.lines == ["line 1", "line 2", "line 3", "last"], "\(followed)")
            #expect(try await node.cli("logs", "talker", "--tail", "1").output == "last\n")
            let stamped = try await node.cli("logs", "talker", "--timestamps", "--tail", "1")
            #expect(stamped.output.contains("T") && stamped.output.hasSuffix("Z last\n"), "\(stamped)")
            try await eventually("the pod has failed with its code") {
                let pod = try await EndToEnd.object(node, "pod talker")
                let status = pod["status"] as? [String: Any]
                return (
                    status?["phase"] as? String == "Failed" && "\(pod)".contains("exitCode = 3;")
                        || "\(pod)".contains("\"exitCode\": 3"), "\(pod)"
                )
            }
            let missing = try await node.cli("logs", "talker", "--container", "nosuch")
            #expect(missing.code == 1 && missing.errors.contains("nosuch"), "\(missing)")
            #expect(try await node.cli("delete", "pod", "talker").code == 0)
        }
    }
}
