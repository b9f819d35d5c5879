import Glibc
import LinuxKernel
import Synchronization

/// Told by the kernel when the OOM killer has been in a running container: one inotify for the whole node, on each
/// container's `memory.events`. The thread of the shims' lines serves it.
///
/// The file changes with every reclaim at a limit, too (the kernel tells at most every 10 ms): it is read here, and only
/// a kill is passed on.
final class OOMWatch: Sendable {
    struct Subject: Sendable, Hashable {
        let sandbox: String
        let container: ContainerKey
    }

    private struct Watched {
        let subject: Subject
        let cgroup: String
        var kills: Int
    }

    private struct State {
        var watched: [Int32: Watched] = [:]
        var numbers: [String: Int32] = [:]
    }

    let inotify: Inotify
    private let state = Mutex(State())
    /// Containers in which processes have been killed since.
    let kills: AsyncStream<Subject>
    private let continuation: AsyncStream<Subject>.Continuation

    private let cgroups: CgroupTree

    init(cgroups: CgroupTree) throws(SystemError) {
        self.cgroups = cgroups
        inotify = try Inotify()
        (kills, continuation) = AsyncStream.makeStream(of: Subject.self)
    }

    deinit { continuation.finish() }

    /// Watches a container's cgroup. Without the memory controller there is nothing to be watched.
    ///
    /// - Parameter known: kills that were told before.
    func add(_ cgroup: String, _ subject: Subject, known: Int = 0) {
        let added = state.withLock { state -> Int32? in
            guard let number = try? inotify.add("\(cgroup)/memory.events", Int32(IN_MODIFY)) else { return nil }
            state.watched[number] = Watched(subject: subject, cgroup: cgroup, kills: known)
            state.numbers[cgroup] = number
            return number
        }
        // What happened before the watch was there.
        if let added { look([added]) }
    }

    func remove(_ cgroup: String) {
        state.withLock { state in
            guard let number = state.numbers.removeValue(forKey: cgroup) else { return }
            state.watched[number] = nil
            inotify.remove(number)
        }
    }

    /// Takes the events that are there.
    func serve() {
        guard let events = try? inotify.take() else { return }
        look(Set(events.map(\.watch)))
    }

    private func look(_ numbers: Set<Int32>) {
        let subjects = state.withLock { state in
            var found: [Subject] = []
            for number in numbers {
                guard let watched = state.watched[number] else { continue }
                let kills = cgroups.oomKills(watched.cgroup)
                guard kills > watched.kills else { continue }
                state.watched[number]?.kills = kills
                found.append(watched.subject)
            }
            return found
        }
        for subject in subjects { continuation.yield(subject) }
    }
}
