/// A few settings side by side: each trial a dot, the median a bar, its interval a box.
struct ComparisonChart {
    let analysis: ExperimentAnalysis
    let factor: ExperimentFactor
    let measure: ExperimentMeasure

    func draw(width: Double = 800, height: Double = 460) -> Markup {
        var drawing = Drawing(
            width: width, height: height, summary: "\(measure.name) by setting: \(analysis.answer.sentence)")
        let curves = Array(analysis.curves.prefix(ResponseChart.maximumCurves))
        let hasFailures = curves.contains { $0.levels.contains { !$0.failing.isEmpty } }
        let frame = Frame(left: 66, top: 40, right: width - 18, bottom: height - 52)
        let plotTop = frame.top + (hasFailures ? 30 : 0)
        var settings: [ExperimentValue] = []
        for level in curves.flatMap(\.levels) where !settings.contains(level.value) { settings.append(level.value) }
        settings.sort { place($0) < place($1) }
        let values = curves.flatMap { $0.levels.flatMap(\.quantiles.sorted) } + [measure.target].compactMap { $0 }
        let spans = (values.max() ?? 1) / max(values.min() ?? 1, 1e-300)
        var y = Axis(
            values: values, isLogarithmic: spans > 50, includesZero: true, start: frame.bottom, end: plotTop,
            padding: 0.06)
        y.labelRoundly(measure.unit)
        let better =
            measure.direction == .neither
            ? "" : measure.direction == .lowerIsBetter ? ", lower is better" : ", higher is better"
        frame.drawVertical(y, name: ResponseChart.title(measure.name, y.symbol) + better, into: &drawing)
        drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis")
        if let target = measure.target {
            drawing.line(frame.left, y.place(target), frame.right, y.place(target), "target")
            drawing.text(
                frame.right - 4, y.place(target) - 6, "target \(measure.unit.text(target))", "note targetnote", .end)
        }
        let slot = (frame.right - frame.left) / Double(max(settings.count, 1))
        for (index, setting) in settings.enumerated() {
            let center = frame.left + slot * (Double(index) + 0.5)
            drawing.text(center, frame.bottom + 19, Self.clipped(factor.text(setting), slot), "tick strong", .middle)
            let inner = min(slot * 0.8, 150 * Double(curves.count)) / Double(max(curves.count, 1))
            for (place, curve) in curves.enumerated() {
                guard let level = curve.level(setting) else { continue }
                let middle = center + (Double(place) - Double(curves.count - 1) / 2) * inner
                drawCell(level, place, middle, inner * 0.72, y, lane: frame.top + 12, into: &drawing)
            }
            if index > 0 {
                drawing.line(
                    frame.left + slot * Double(index), frame.top, frame.left + slot * Double(index), frame.bottom,
                    "grid")
            }
        }
        if hasFailures { drawing.text(frame.left - 8, frame.top + 16, "failed", "tick", .end) }
        drawing.text((frame.left + frame.right) / 2, frame.bottom + 39, factor.name, "name", .middle)
        return drawing.markup("chart")
    }

    private func place(_ value: ExperimentValue) -> Int { factor.values.firstIndex(of: value) ?? factor.values.count }

    /// About as many letters as fit.
    private static func clipped(_ text: String, _ room: Double) -> String {
        let limit = max(3, Int(room / 8))
        return text.count <= limit ? text : text.prefix(limit - 1) + "…"
    }

    private func drawCell(
        _ level: Level, _ series: Int, _ middle: Double, _ width: Double, _ y: Axis, lane: Double,
        into drawing: inout Drawing
    ) {
        if let median = level.median {
            let base = y.isLogarithmic ? y.domain.lowerBound : max(0, y.domain.lowerBound)
            drawing.rectangle(
                middle - width / 2, y.place(median), width, y.place(base) - y.place(median), "bar s\(series)")
            if let interval = level.interval {
                drawing.rectangle(
                    middle - width / 2, y.place(interval.upper), width,
                    y.place(interval.lower) - y.place(interval.upper),
                    "band s\(series)")
            }
            drawing.line(middle - width / 2, y.place(median), middle + width / 2, y.place(median), "median s\(series)")
            let top = y.place(level.quantiles.maximum ?? median)
            drawing.text(middle, top - 10, measure.unit.text(median), "value", .middle)
        }
        for (place, response) in level.responses.enumerated() {
            let trial = level.trials.first { $0.id == response.trial }
            drawing.mark(
                response.trial,
                middle + ResponseChart.jitter(place, of: level.responses.count, step: 12, limit: width * 0.8),
                y.place(response.value), isGood: trial?.cameThrough ?? true, series: series,
                TrialText.title(trial, response.value, measure, analysis.description))
        }
        for (place, trial) in level.failing.enumerated() {
            drawing.mark(
                trial.id, middle + ResponseChart.jitter(place, of: level.failing.count, step: 12, limit: width * 0.8),
                lane, isGood: false, TrialText.title(trial, nil, measure, analysis.description))
        }
    }
}
