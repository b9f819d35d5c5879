/// Writes metrics in Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
///
/// The samples of one metric have to stand together below their HELP and TYPE lines, so they are gathered by metric,
/// whatever the order in which they come. Metrics are written in the order of their first sample.
struct PrometheusText: Sendable {
    /// What the format's media type is.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String, Sendable {
        case counter
        case gauge
    }

    /// A metric's name and what is said about it.
    struct Metric: Sendable, Hashable {
        var name: String
        var kind: Kind
        var help: String

        static func counter(_ name: String, _ help: String) -> Metric { Metric(name: name, kind: .counter, help: help) }
        static func gauge(_ name: String, _ help: String) -> Metric { Metric(name: name, kind: .gauge, help: help) }
    }

    typealias Label = (name: String, value: String)

    private var order: [Metric] = []
    private var samples: [String: [String]] = [:]

    /// Adds one sample.
    /// - Parameters:
    ///   - labels: written sorted by name, as client_golang does.
    ///   - time: nanoseconds since 1970; nil leaves the time of the scrape.
    mutating func add(_ metric: Metric, _ labels: [Label] = [], _ value: Double, time: Int64? = nil) {
        if samples[metric.name] == nil { order.append(metric) }
        var line = metric.name
        if !labels.isEmpty {
            let pairs = labels.sorted { $0.name < $1.name }.map { "\($0.name)=\"\(Self.escape($0.value))\"" }
            line += "{\(pairs.joined(separator: ","))}"
        }
        line += " \(Self.number(value))"
        if let time { line += " \(time / 1_000_000)" }
        samples[metric.name, default: []].append(line)
    }

    /// The same for a value that may not be there.
    mutating func add(_ metric: Metric, _ labels: [Label] = [], _ value: Int64?, time: Int64? = nil) {
        if let value { add(metric, labels, Double(value), time: time) }
    }

    var text: String {
        var text = ""
        for metric in order {
            text +=
                "# HELP \(metric.name) \(Self.escapeHelp(metric.help))\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for line in samples[metric.name] ?? [] { text += line + "\n" }
        }
        return text
    }

    /// Go's `%g` in the cases that occur: whole numbers without a fraction, large ones with an exponent.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Every integer of a counter of nanoseconds fits; an exponent saves nothing for a reader.
        if value == value.rounded(), abs(value) < 9e15 { return String(Int64(value)) }
        return "\(value)"
    }

    private static func escape(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return value }
        return value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private static func escapeHelp(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }
}
