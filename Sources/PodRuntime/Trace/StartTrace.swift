import Glibc
import LinuxKernel
import Metrics
import Synchronization

/// When each phase of one start began, by CLOCK_MONOTONIC; appended to the `trace` file in the pod's run folder.
public final class StartTrace: Sendable {
    /// One line of a trace file: `<nanoseconds> <subject> <phase>`.
    public struct Entry: Sendable, Hashable {
        /// CLOCK_MONOTONIC, nanoseconds.
        public let time: Int64
        /// `sandbox`, or `<container>-<attempt>`.
        public let subject: String
        /// What began then; `ready` and `running` end a start.
        public let phase: String

        init(time: Int64, subject: String, phase: String) {
            self.time = time
            self.subject = subject
            self.phase = phase
        }

        init?(line: Substring) {
            let parts = line.split(separator: " ", maxSplits: 2)
            guard parts.count == 3, let time = Int64(parts[0]) else { return nil }
            self.init(time: time, subject: String(parts[1]), phase: String(parts[2]))
        }
    }

    private let subject: String
    private let entries = Mutex<[Entry]>([])

    init(subject: String) {
        self.subject = subject
    }

    /// A phase begins now, or began at `time`.
    func mark(_ phase: String, at time: Int64 = Monotonic.nanoseconds()) {
        entries.withLock { $0.append(Entry(time: time, subject: subject, phase: phase)) }
    }

    /// Appends to a trace file. A trace that cannot be kept is no reason to fail a start.
    func save(to path: String) {
        let sorted = entries.withLock { all in all.sorted { $0.time < $1.time } }
        // The same as histograms: over all starts, how long each phase took until the next began. The plan's steps
        // count as part of the launch: they are many, and some have the pod's own paths in their names.
        let phases = sorted.filter { !$0.phase.hasPrefix("plan ") }
        for (entry, next) in zip(phases, phases.dropFirst()) {
            Metrics.Timer(
                label: "minikube_lite_start_phase_duration_seconds",
                dimensions: [("part", subject == "sandbox" ? "sandbox" : "container"), ("phase", entry.phase)]
            ).recordNanoseconds(next.time - entry.time)
        }
        let lines = sorted.map { "\($0.time) \($0.subject) \($0.phase)\n" }.joined()
        guard let file = try? FileAccess.open(path, O_WRONLY | O_CREAT | O_APPEND) else { return }
        try? FileAccess.write(Array(lines.utf8), to: file)
    }

    /// The trace of a sandbox and its containers, oldest first; nil where there is none.
    ///
    /// - Parameters:
    ///   - runDirectory: as in `RuntimeConfiguration`.
    ///   - sandbox: the pod's uid.
    public static func load(runDirectory: String, sandbox: String) -> [Entry]? {
        guard !sandbox.contains("/"),
            let text = try? FileAccess.readText("\(runDirectory)/pods/\(sandbox)/trace")
        else { return nil }
        return text.split(separator: "\n").compactMap { Entry(line: $0) }
    }
}
