import PodRuntime

/// The node's signals, as they are on this machine now.
struct HostSignals: Sendable {
    let dataDirectory: String
    let runtime: any Runtime
    /// The disk may be stuck.
    let pool = BlockingPool(name: "signals", threads: 1)

    /// What cannot be found is left out: no threshold of it is met.
    func observe() async -> [EvictionSignal: SignalObservation] {
        var signals: [EvictionSignal: SignalObservation] = [:]
        if let memory = MachineMemory(NodeFacts.text("/proc/meminfo")) {
            signals[.memoryAvailable] = SignalObservation(available: memory.available, capacity: memory.total)
        }
        signals[.allocatableMemoryAvailable] = await parentMemory()
        let machine = await MachineUsage.read(dataDirectory: dataDirectory, pool: pool)
        if let disk = machine.disk {
            let bytes = SignalObservation(available: disk.availableBytes, capacity: disk.capacityBytes)
            signals[.nodefsAvailable] = bytes
            signals[.imagefsAvailable] = bytes
            // A file system that makes inodes as it goes has none to run out of.
            if disk.inodes > 0 {
                let inodes = SignalObservation(available: disk.inodesFree, capacity: disk.inodes)
                signals[.nodefsInodesFree] = inodes
                signals[.imagefsInodesFree] = inodes
            }
        }
        if let tasks = machine.tasks, let limit = machine.maxTasks {
            signals[.pidAvailable] = SignalObservation(available: limit - tasks, capacity: limit)
        }
        return signals
    }

    /// What pods have left below the limit of all of them together; nil without the memory controller or a limit.
    private func parentMemory() async -> SignalObservation? {
        guard let memory = try? await runtime.nodeStatistics().pods.memory, let limit = memory.max else { return nil }
        return SignalObservation(available: limit - memory.workingSet, capacity: limit)
    }
}
