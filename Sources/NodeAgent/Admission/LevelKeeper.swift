import KubernetesAPI
import Logging
import PodRuntime

/// Keeps the cgroups above the pods' as the node and its pods ask for it: the limit of all pods together, which is what
/// is allocatable (kubelet: `enforceNodeAllocatableCgroups`), and weight and protection of each quality-of-service class.
/// Beside the start of pods, not in its way.
///
/// Where pods use more than the limit already, nobody is killed: it is tried again, and evictions bring the use down
/// meanwhile.
struct LevelKeeper: Sendable {
    static let retryPeriod = Duration.seconds(60)

    let ledger: NodeLedger
    let runtime: any Runtime
    /// Of all pods together.
    let limits: CgroupResources
    let nodeName: String
    let events: EventRecorder
    let time: TimeSource
    let logger: Logger

    /// Works until the task is cancelled.
    func run() async {
        let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { [ledger] in for await _ in ledger.changes { ring.yield() } }
            group.addTask { [time] in
                repeat { ring.yield() } while (try? await time.sleep(for: Self.retryPeriod)) != nil
            }
            await keep(bell)
            group.cancelAll()
        }
    }

    /// Looks with each ring; what is as it should be costs nothing.
    private func keep(_ bell: AsyncStream<Void>) async {
        var present: [QualityOfService: CgroupResources] = [:]
        for await _ in bell {
            for (level, resources) in wanted where present[level] != resources {
                do {
                    try await runtime.updateLevel(level, resources: resources)
                    if level == .guaranteed, present[level] == nil {
                        events.record(
                            .node(nodeName), reason: EventReason.successfulNodeAllocatableEnforcement,
                            message: "Updated Node Allocatable limit across pods")
                    }
                    present[level] = resources
                } catch {
                    logger.warning(
                        "cgroup of a class not changed", metadata: ["class": "\(level)", "error": "\(error)"])
                    guard level == .guaranteed, present[level] == nil else { continue }
                    events.record(
                        .node(nodeName), .warning, reason: EventReason.failedNodeAllocatableEnforcement,
                        message: "Failed to update Node Allocatable Limits: \(error)")
                }
            }
        }
    }

    /// What pods ask for, and the node's limit of all of them, which is the cgroup that Guaranteed pods are in.
    private var wanted: [(QualityOfService, CgroupResources)] {
        var levels = ledger.levels
        var all = limits
        all.memoryMin = levels[.guaranteed]?.memoryMin
        all.memoryLow = levels[.guaranteed]?.memoryLow
        levels[.guaranteed] = all
        return levels.sorted { $0.key.rawValue < $1.key.rawValue }
    }
}
