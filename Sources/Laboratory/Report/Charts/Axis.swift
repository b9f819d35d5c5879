import Foundation

/// Where a value lies along one side of a drawing, and which values are labelled.
struct Axis: Sendable {
    struct Tick: Sendable, Hashable {
        var value: Double
        var label: String
    }

    var isLogarithmic: Bool
    var domain: ClosedRange<Double>
    /// The places of the domain's ends; for a vertical axis the first is the larger one.
    var start: Double
    var end: Double
    var ticks: [Tick] = []
    /// The unit that the labels leave out; empty where each label has its own.
    var symbol = ""

    /// `padding` is the share of the axis that is left free at both ends (in its scale).
    init(
        values: [Double], isLogarithmic wanted: Bool, includesZero: Bool, start: Double, end: Double,
        padding: Double = 0.04
    ) {
        var low = values.min() ?? 0
        var high = values.max() ?? 1
        isLogarithmic = wanted && low > 0
        if includesZero, !isLogarithmic { low = min(low, 0) }
        if isLogarithmic {
            if high / low < 1.02 { (low, high) = (low / 1.1, high * 1.1) }
            let room = pow(high / low, padding)
            domain = (low / room)...(high * room)
        } else {
            if high - low <= abs(high) * 1e-9 {
                (low, high) = (low - max(1, abs(low) * 0.1), high + max(1, abs(high) * 0.1))
            }
            let room = (high - low) * padding
            // Zero stays on the edge: nothing lies beyond it.
            domain = (low == 0 ? 0 : low - room)...(high + room)
        }
        self.start = start
        self.end = end
    }

    func place(_ value: Double) -> Double {
        let bounded = min(max(value, domain.lowerBound), domain.upperBound)
        let share =
            isLogarithmic
            ? log(bounded / domain.lowerBound) / log(domain.upperBound / domain.lowerBound)
            : (bounded - domain.lowerBound) / (domain.upperBound - domain.lowerBound)
        return start + share * (end - start)
    }

    /// Labels at round values, about `count` of them.
    mutating func labelRoundly(_ unit: ExperimentUnit, count: Int = 5) {
        var values = isLogarithmic ? logarithmicValues(unit, count) : []
        if values.count < 3 { values = linearValues(unit, count) }
        label(values, unit)
    }

    func labelled(_ unit: ExperimentUnit, count: Int = 2) -> Axis {
        var axis = self
        axis.labelRoundly(unit, count: count)
        return axis
    }

    /// Labels at these values, as far as there is room between them: the first and the last come first.
    mutating func label(at values: [Double], _ unit: ExperimentUnit, room: Double) {
        var chosen: [Double] = []
        let sorted = values.sorted()
        for value in [sorted.first, sorted.last].compactMap({ $0 }) + sorted
        where !chosen.contains(where: { abs(place($0) - place(value)) < room }) {
            chosen.append(value)
        }
        label(chosen.sorted(), unit)
    }

    private mutating func label(_ values: [Double], _ unit: ExperimentUnit) {
        let low = values.first { $0 > 0 } ?? 0
        let high = values.last ?? 0
        if unit == .cores {
            symbol = "CPUs"
            ticks = values.map { Tick(value: $0, label: ExperimentUnit.cpus($0)) }
        } else if low > 0, high / low >= 2000 {
            symbol = ""
            ticks = values.map { Tick(value: $0, label: unit.text($0)) }
        } else {
            let scale = unit.scale(for: high)
            symbol = scale.symbol
            ticks = values.map {
                Tick(
                    value: $0,
                    label: NumberText.short($0 / scale.divisor, digits: abs($0 / scale.divisor) >= 1000 ? 5 : 4))
            }
        }
    }

    private func linearValues(_ unit: ExperimentUnit, _ count: Int) -> [Double] {
        let scale = unit == .cores ? 1 : unit.scale(for: domain.upperBound).divisor
        let (low, high) = (domain.lowerBound / scale, domain.upperBound / scale)
        let rough = (high - low) / Double(max(count, 1))
        guard rough > 0, rough.isFinite else { return [] }
        let power = pow(10, floor(log10(rough)))
        let step = ([1, 2, 2.5, 5, 10].first { $0 * power >= rough * 0.8 } ?? 10) * power
        let first = (low / step).rounded(.up)
        let last = (high / step + 1e-9).rounded(.down)
        guard last >= first, last - first < 100 else { return [] }
        return stride(from: first, through: last, by: 1).map { $0 * step * scale }
    }

    private func logarithmicValues(_ unit: ExperimentUnit, _ count: Int) -> [Double] {
        var candidates: [[Double]] = []
        if unit == .bytes || unit == .bytesPerSecond {
            let low = Int(log2(domain.lowerBound).rounded(.up))
            let high = Int(log2(domain.upperBound).rounded(.down))
            guard high >= low else { return [] }
            for step in [1, 2, 3, 4, 5, 10] {
                candidates.append((low...high).filter { $0 % step == 0 }.map { pow(2, Double($0)) })
            }
        } else {
            let low = Int(floor(log10(domain.lowerBound)))
            let high = Int(ceil(log10(domain.upperBound)))
            for digits in [[1.0, 2, 3, 5], [1, 2, 5], [1]] {
                candidates.append(
                    (low...high).flatMap { power in digits.map { $0 * pow(10, Double(power)) } }
                        .filter { domain.contains($0) })
            }
            candidates.append(
                (low...high).filter { $0 % 2 == 0 }.map { pow(10, Double($0)) }.filter { domain.contains($0) })
        }
        return candidates.first { $0.count <= count + 3 } ?? candidates.last ?? []
    }
}
