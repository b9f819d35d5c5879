import Logging
import PodRuntime

/// Keeps the cgroups above the pods' as the pods of the node ask for it: weight and protection of each quality-of-service
/// class. Beside the start of pods, not in its way.
struct LevelKeeper: Sendable {
    let ledger: NodeLedger
    let runtime: any Runtime
    let logger: Logger

    /// Works until the task is cancelled.
    func run() async {
        // What the kernel has where nobody has said anything.
        var present: [QualityOfService: CgroupResources] = [.guaranteed: CgroupResources()]
        for await _ in ledger.changes {
            for (level, resources) in ledger.levels.sorted(by: { $0.key.rawValue < $1.key.rawValue })
            where present[level] != resources {
                do {
                    try await runtime.updateLevel(level, resources: resources)
                    present[level] = resources
                } catch {
                    // The next change tries again; a pod's own limits do not depend on it.
                    logger.warning(
                        "cgroup of a class not changed", metadata: ["class": "\(level)", "error": "\(error)"])
                }
            }
        }
    }
}
