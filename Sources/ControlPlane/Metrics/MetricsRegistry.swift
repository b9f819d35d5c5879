public import CoreMetrics
import Synchronization

/// Where the process's metrics go that are recorded with swift-metrics: the API server's `/metrics` prints them.
///
/// The program that starts everything calls `install` once, before anything records.
public final class MetricsRegistry: MetricsFactory {
    public static let shared = MetricsRegistry()

    private struct Key: Hashable {
        var name: String
        var labels: String
    }

    private struct State {
        var counters: [Key: Handle] = [:]
        var gauges: [Key: Handle] = [:]
        var histograms: [Key: Handle] = [:]
    }

    private let state = Mutex(State())

    private init() {}

    /// Makes this the place where the process's metrics go. Only once in a process.
    public static func install() { MetricsSystem.bootstrap(shared) }

    /// One metric with its labels.
    private final class Handle: CounterHandler, RecorderHandler, TimerHandler, MeterHandler {
        let number = Mutex(0.0)
        let histogram = Mutex(Histogram())

        func increment(by amount: Int64) { number.withLock { $0 += Double(amount) } }
        func increment(by amount: Double) { number.withLock { $0 += amount } }
        func decrement(by amount: Double) { number.withLock { $0 -= amount } }
        func set(_ value: Int64) { number.withLock { $0 = Double(value) } }
        func set(_ value: Double) { number.withLock { $0 = value } }
        func reset() { number.withLock { $0 = 0 } }
        func record(_ value: Int64) { record(Double(value)) }
        func record(_ value: Double) {
            number.withLock { $0 = value }
            histogram.withLock { $0.observe(value) }
        }
        func recordNanoseconds(_ duration: Int64) { histogram.withLock { $0.observe(Double(duration) / 1e9) } }
    }

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> Key {
        let name = String(label.map { $0.isLetter || $0.isNumber || $0 == ":" ? $0 : "_" })
        let labels = dimensions.map { "\($0.0)=\"\($0.1.replacing("\"", with: "'"))\"" }.sorted()
        return Key(name: name, labels: labels.joined(separator: ","))
    }

    private func handle(
        _ table: any WritableKeyPath<State, [Key: Handle]> & Sendable, _ label: String, _ dimensions: [(String, String)]
    ) -> Handle {
        let key = Self.key(label, dimensions)
        return state.withLock { state in
            if let present = state[keyPath: table][key] { return present }
            let made = Handle()
            state[keyPath: table][key] = made
            return made
        }
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        handle(\.counters, label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        handle(\.gauges, label, dimensions)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? handle(\.histograms, label, dimensions) : handle(\.gauges, label, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        handle(\.histograms, label, dimensions)
    }

    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// Everything in Prometheus' text format.
    var text: String {
        let state = state.withLock { $0 }
        var text = ""
        for (type, handles) in [("counter", state.counters), ("gauge", state.gauges)] {
            var last = ""
            for (key, handle) in handles.sorted(by: { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }) {
                if key.name != last { text += "# TYPE \(key.name) \(type)\n" }
                last = key.name
                let labels = key.labels.isEmpty ? "" : "{\(key.labels)}"
                text += "\(key.name)\(labels) \(handle.number.withLock { $0 })\n"
            }
        }
        var last = ""
        for (key, handle) in state.histograms.sorted(by: { ($0.key.name, $0.key.labels) < ($1.key.name, $1.key.labels) }
        ) {
            if key.name != last { text += "# TYPE \(key.name) histogram\n" }
            last = key.name
            handle.histogram.withLock { $0 }.write(key.name, labels: key.labels, to: &text)
        }
        return text
    }
}
