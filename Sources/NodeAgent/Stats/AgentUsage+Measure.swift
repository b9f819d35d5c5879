import LinuxKernel
import PodRuntime

extension AgentUsage {
    /// Reads the clocks and the memory of this process (clock_gettime(2), proc(5) `statm`).
    static func measure(startedAt: Int64) -> AgentUsage {
        let pages = NodeFacts.text("/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Int64($0) }
        return AgentUsage(
            startedAt: startedAt, cpu: Process.ownCPUTime, memory: pages.map { $0 * Process.pageSize })
    }
}
