import Foundation

/// One measured quantity: all of its samples, and how it is shown.
struct Figure: Sendable {
    let name: String
    let unit: String
    let samples: [Double]
    /// Our own target for the median (docs/architecture.md), or nil.
    var target: String?

    private var sorted: [Double] { samples.sorted() }
    var median: Double {
        let sorted = sorted
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
    var minimum: Double { samples.min() ?? .nan }
    var maximum: Double { samples.max() ?? .nan }

    /// A row of the Markdown table.
    var row: String {
        "| \(name) | \(Self.text(median)) | \(Self.text(minimum)) | \(Self.text(maximum)) | \(unit) | "
            + "\(samples.count) | \(target ?? "") |"
    }

    static let header = """
        | what | median | min | max | unit | samples | target |
        | --- | ---: | ---: | ---: | --- | ---: | --- |
        """

    static func text(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        return String(format: abs(value) >= 100 ? "%.0f" : abs(value) >= 10 ? "%.1f" : "%.2f", value)
    }
}

/// Nanoseconds since 1970, the clock that the containers' program prints.
func realtime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

func milliseconds(from start: Int64, to end: Int64) -> Double { Double(end - start) / 1e6 }

struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
