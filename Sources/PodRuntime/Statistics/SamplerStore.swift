import Glibc
import LinuxKernel
import Synchronization

/// The samplers of a node: opened when somebody asks for the first time, closed with their cgroup or when nobody has
/// asked for a minute. What nobody samples costs nothing.
final class SamplerStore: Sendable {
    private struct Entry {
        let sampler: CgroupSampler
        /// CLOCK_MONOTONIC, nanoseconds.
        var used: Int64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var sweeper: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let patience: Duration

    /// - Parameter patience: how long a sampler stays open that nobody uses.
    init(patience: Duration = .seconds(60)) { self.patience = patience }

    deinit { state.withLock { $0.sweeper?.cancel() } }

    /// Paths of the cgroups whose files are open.
    var open: Set<String> { state.withLock { Set($0.entries.keys) } }

    /// Blocks for some tens of microseconds.
    ///
    /// - Throws: `RuntimeError(.notFound)` where the cgroup is gone.
    func sample(_ path: String) throws -> CgroupStatistics {
        do {
            return try sampler(path).sample()
        } catch let error as RuntimeError where error.kind == .notFound {
            close(path)
            throw error
        }
    }

    private func sampler(_ path: String) throws -> CgroupSampler {
        let now = Monotonic.nanoseconds()
        let known = state.withLock { state -> CgroupSampler? in
            state.entries[path]?.used = now
            return state.entries[path]?.sampler
        }
        if let known { return known }
        let made: CgroupSampler
        do { made = try CgroupSampler(path: path) } catch let error as RuntimeError where error.errno == EMFILE {
            // Rather slower than without an answer: everything is opened again when it is asked for.
            state.withLock { $0.entries.removeAll() }
            made = try CgroupSampler(path: path)
        }
        state.withLock { state in
            state.entries[path] = Entry(sampler: made, used: now)
            if state.sweeper == nil { state.sweeper = sweep() }
        }
        return made
    }

    /// Forgets a cgroup and all below it.
    func close(_ path: String) {
        state.withLock { state in
            for key in state.entries.keys where key == path || key.hasPrefix(path + "/") { state.entries[key] = nil }
        }
    }

    /// Runs as long as something is open.
    private func sweep() -> Task<Void, Never> {
        let patience = self.patience
        return Task { [weak self] in
            repeat {
                guard (try? await Task.sleep(for: patience)) != nil else { return }
            } while self?.closeUnused() ?? false
        }
    }

    /// - Returns: whether something is still open.
    private func closeUnused() -> Bool {
        let limit = Monotonic.nanoseconds() - patience.nanoseconds
        return state.withLock { state in
            state.entries = state.entries.filter { $0.value.used > limit }
            if state.entries.isEmpty { state.sweeper = nil }
            return !state.entries.isEmpty
        }
    }
}
