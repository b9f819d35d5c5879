import Foundation
import KubernetesAPI
import LinuxKernel
import Synchronization

/// The moment in which a trial began, by all the clocks that it is measured by.
struct TrialStart: Sendable {
    let instant = ContinuousClock.now
    /// CLOCK_MONOTONIC, nanoseconds.
    let monotonic = Monotonic.nanoseconds()
    /// CLOCK_REALTIME, nanoseconds since 1970.
    let realtime = Realtime.nanoseconds()

    var date: Date { Date(timeIntervalSince1970: Double(realtime) / 1e9) }

    /// Since then.
    var seconds: Double { Double(Monotonic.nanoseconds() - monotonic) / 1e9 }

    func seconds(at time: MicroTimestamp) -> Double { Double(time.microseconds) / 1e6 - Double(realtime) / 1e9 }
}

/// The observation of a trial, once it has begun.
final class ObservationHolder: Sendable {
    private let observation = Mutex<Result<any CgroupObservation, any Error>?>(nil)

    func begin(_ observation: Result<any CgroupObservation, any Error>) {
        self.observation.withLock { $0 = observation }
    }

    func finish() async -> CgroupFacts {
        switch observation.withLock({ $0 }) {
        case .success(let observation): return await observation.finish()
        case .failure(let error):
            var facts = CgroupFacts()
            facts.problem = "\(error)"
            return facts
        case nil: return CgroupFacts()
        }
    }
}
