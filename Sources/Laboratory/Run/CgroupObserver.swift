import Foundation
import LinuxKernel
import PodRuntime

/// Samples the cgroup of one container from its birth to its end, on a thread of its own.
///
/// It is told by the kernel (inotify) when the cgroup is made, when its first process comes and when the last one is gone,
/// so that nothing has to be asked again and again and the first and the last sample are no tick late. Between them,
/// samples are due at `start + n * interval` of the monotonic clock: a late one delays none of the others, and ticks that
/// went by unseen are counted.
final class CgroupObserver: CgroupObservation {
    /// What is watched, and how.
    struct Target: Sendable {
        /// A folder that is there: the quality-of-service level's.
        var folder: String
        /// Made in it one inside the other while the pod starts: `pod<uid>`, `<container>-0`.
        var components: [String]
        var columns: [CgroupColumn]
        var interval: Duration
        /// CLOCK_MONOTONIC, nanoseconds: what `seconds` are counted from.
        var origin: Int64
    }

    private let stop: FileDescriptor
    private let ended: AsyncStream<CgroupFacts>

    /// Starts at once.
    ///
    /// - Parameter record: gets each row, on the observer's thread.
    init(_ target: Target, record: @escaping @Sendable (CgroupRow) -> Void) throws {
        stop = try FileDescriptor.event()
        let (stream, continuation) = AsyncStream.makeStream(of: CgroupFacts.self)
        ended = stream
        let stop = stop
        Thread {
            LinuxKernel.Process.setName("sampler")
            var work = Work(target: target, stop: stop, record: record)
            continuation.yield(work.run())
            continuation.finish()
        }.start()
    }

    /// Ends the sampling, if the cgroup's end has not, and answers what was seen.
    func finish() async -> CgroupFacts {
        // A counter of eight bytes: any number wakes the thread.
        try? stop.writeAll([1, 0, 0, 0, 0, 0, 0, 0])
        for await facts in ended { return facts }
        return CgroupFacts()
    }

    /// The thread's own state.
    private struct Work {
        let target: Target
        let stop: FileDescriptor
        let record: @Sendable (CgroupRow) -> Void
        private var facts = CgroupFacts()

        init(target: Target, stop: FileDescriptor, record: @escaping @Sendable (CgroupRow) -> Void) {
            self.target = target
            self.stop = stop
            self.record = record
        }

        mutating func run() -> CgroupFacts {
            do {
                let inotify = try Inotify()
                guard let path = try waitForCgroup(inotify) else { return facts }
                try observe(path, inotify)
            } catch let error as RuntimeError where error.kind == .notFound {
                // The cgroup is gone, and with it the workload.
                ended()
            } catch let error as SystemError where error.errno == ENOENT || error.errno == ENODEV {
                ended()
            } catch {
                facts.problem = "\(error)"
            }
            return facts
        }

        private var now: Double { Double(Monotonic.nanoseconds() - target.origin) / 1e9 }

        private mutating func ended() {
            if facts.startedAt != nil, facts.endedAt == nil { facts.endedAt = now }
        }

        /// The path of the cgroup once it is there; nil where the observer was stopped before.
        private func waitForCgroup(_ inotify: Inotify) throws -> String? {
            var path = target.folder
            for component in target.components {
                // Watched before it is looked at, so that no birth falls in between.
                let watch = try inotify.add(path, Int32(IN_CREATE) | Int32(IN_MOVED_TO))
                path += "/\(component)"
                while FileAccess.kind(path) == nil {
                    let ready = try Poll.wait(any: [inotify.descriptor, stop], milliseconds: -1)
                    if ready.contains(1) { return nil }
                    _ = try inotify.take()
                }
                inotify.remove(watch)
            }
            _ = try inotify.take()
            return path
        }

        private mutating func observe(_ path: String, _ inotify: Inotify) throws {
            let events = "\(path)/cgroup.events"
            try inotify.add(events, Int32(IN_MODIFY))
            let sampler = try CgroupSeriesSampler(path: path, series: target.columns.map(\.source))
            var values = [Double](repeating: .nan, count: target.columns.count)
            let interval = Int64(target.interval.seconds * 1e9)
            let start = Monotonic.nanoseconds()
            var tick: Int64 = 0
            let bornAt = now
            try lookAtProcesses(events, bornAt: nil)
            while true {
                try sample(sampler, &values)
                if facts.endedAt != nil { return }
                tick += 1
                // The next tick that is not past: those before it went by unseen.
                let passed = (Monotonic.nanoseconds() - start) / interval
                if passed >= tick {
                    facts.missedSamples += Int(passed - tick + 1)
                    tick = passed + 1
                }
                if try waitForTick(start + tick * interval, events, inotify, bornAt: bornAt) { return }
            }
        }

        private func sample(_ sampler: CgroupSeriesSampler, _ values: inout [Double]) throws {
            let seconds = now
            try sampler.sample(into: &values)
            record(CgroupRow(seconds: seconds, values: values.map { $0.isFinite ? $0 : nil }))
        }

        /// Waits until the moment, or until the last process is gone. True where the observer was stopped.
        private mutating func waitForTick(
            _ moment: Int64, _ events: String, _ inotify: Inotify, bornAt: Double
        ) throws -> Bool {
            while true {
                let left = moment - Monotonic.nanoseconds()
                if left <= 0 { return false }
                let ready = try Poll.wait(
                    any: [inotify.descriptor, stop], milliseconds: Int32(clamping: (left + 999_999) / 1_000_000))
                if ready.contains(1) { return true }
                guard ready.contains(0) else { continue }
                _ = try inotify.take()
                try lookAtProcesses(events, bornAt: bornAt)
                if facts.endedAt != nil { return false }
            }
        }

        /// - Parameter bornAt: when the cgroup was first seen, where the kernel has told of a change since: then a cgroup
        ///   without processes has had some, whose whole life fell between two looks.
        private mutating func lookAtProcesses(_ events: String, bornAt: Double?) throws {
            let isPopulated = try FileAccess.readText(events).contains("populated 1")
            if isPopulated, facts.startedAt == nil { facts.startedAt = now }
            if !isPopulated, facts.startedAt == nil { facts.startedAt = bornAt }
            if !isPopulated, facts.startedAt != nil { facts.endedAt = now }
        }
    }
}
