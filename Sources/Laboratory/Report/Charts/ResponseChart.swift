/// The measure along a number: every trial a dot, the median a line, its interval a band; trials without a value are
/// crosses in a lane of their own above.
struct ResponseChart {
    let analysis: ExperimentAnalysis
    let factor: ExperimentFactor
    let measure: ExperimentMeasure

    /// As many curves as there are colours that can be told apart.
    static let maximumCurves = 6

    func draw(width: Double = 800, height: Double = 460) -> Markup {
        let curves = Array(analysis.curves.prefix(Self.maximumCurves))
        var drawing = Drawing(
            width: width, height: height,
            summary: "\(measure.name) along \(factor.name): \(analysis.answer.sentence)")
        let hasFailures = curves.contains { $0.levels.contains { !$0.failing.isEmpty } }
        let frame = Frame(left: 66, top: 52, right: width - 18, bottom: height - 52)
        let plotTop = frame.top + (hasFailures ? 30 : 0)
        let x = FactorAxis(curves.flatMap { $0.levels.map(\.value) }, factor: factor, frame: frame)
        let values = curves.flatMap { $0.levels.flatMap(\.quantiles.sorted) } + [measure.target].compactMap { $0 }
        let spans = (values.max() ?? 1) / max(values.min() ?? 1, 1e-300)
        var y = Axis(
            values: values, isLogarithmic: spans > 20, includesZero: true, start: frame.bottom, end: plotTop,
            padding: 0.05)
        y.labelRoundly(measure.unit)

        let finding =
            analysis.form == .response && analysis.description.bisection == nil
            ? ResponseFinding(
                curves.first ?? ResponseCurve(label: "", others: [:], levels: []), measure: measure, factor: factor,
                seed: analysis.description.seed) : nil
        drawAnswer(finding, x, frame, into: &drawing)
        let better =
            switch measure.direction {
            case .lowerIsBetter: ", lower is better"
            case .higherIsBetter: ", higher is better"
            case .neither: ""
            }
        frame.drawVertical(y, name: Self.title(measure.name, y.symbol) + better, nameTop: 16, into: &drawing)
        x.draw(factor, frame, into: &drawing)
        if let target = measure.target {
            drawing.line(frame.left, y.place(target), frame.right, y.place(target), "target")
            drawing.text(
                frame.right - 4, y.place(target) - 6, "target \(measure.unit.text(target))", "note targetnote", .end)
        }
        for (index, curve) in curves.enumerated() { drawBand(curve, index, x, y, into: &drawing) }
        for (index, curve) in curves.enumerated() {
            drawTrials(curve, index, of: curves.count, x, y, lane: frame.top + 12, into: &drawing)
        }
        if hasFailures {
            drawing.line(frame.left, plotTop - 6, frame.right, plotTop - 6, "grid")
            drawing.text(frame.left - 8, frame.top + 16, "failed", "tick", .end)
        }
        return drawing.markup("chart")
    }

    /// `memory.max (MiB)`
    static func title(_ name: String, _ symbol: String) -> String { symbol.isEmpty ? name : "\(name) (\(symbol))" }

    private func drawAnswer(
        _ finding: ResponseFinding?, _ x: FactorAxis, _ frame: Frame, into drawing: inout Drawing
    ) {
        if let finding, let value = finding.level.value.number {
            switch finding.point {
            case .knee(_, let possible):
                // Below the answer nothing is known down to the next value tried.
                let low = x.place(min(possible.lowerBound, finding.before?.value.number ?? value))
                let high = x.place(possible.upperBound)
                drawing.rectangle(low, frame.top, high - low, frame.bottom - frame.top, "answer")
            case .target:
                if let before = finding.before?.value.number {
                    let low = x.place(before)
                    drawing.rectangle(low, frame.top, x.place(value) - low, frame.bottom - frame.top, "answer")
                }
            case .targetMissed, .best: return
            }
            line(at: value, x, frame, into: &drawing)
        } else if let holding = analysis.threshold?.holding, analysis.description.bisection != nil {
            if let failing = analysis.threshold?.failing {
                let (a, b) = (x.place(failing.value), x.place(holding.value))
                drawing.rectangle(min(a, b), frame.top, abs(b - a), frame.bottom - frame.top, "answer")
            }
            line(at: holding.value, x, frame, into: &drawing)
        }
    }

    private func line(at value: Double, _ x: FactorAxis, _ frame: Frame, into drawing: inout Drawing) {
        let place = x.place(value)
        drawing.line(place, frame.top, place, frame.bottom, "answerline")
        // Between the measure's name and the plot, so that it collides with nothing.
        let isFarRight = place > frame.right - 60
        drawing.text(
            isFarRight ? frame.right : place, frame.top - 8, analysis.answer.headline, "answernote",
            isFarRight ? .end : .middle)
    }

    private func drawBand(
        _ curve: ResponseCurve, _ index: Int, _ x: FactorAxis, _ y: Axis, into drawing: inout Drawing
    ) {
        let points = curve.levels.compactMap { level in
            level.value.number.flatMap { number in
                level.median.map { (x: x.place(number), y: y.place($0), interval: level.interval) }
            }
        }
        for level in curve.levels where level.value.number == nil {
            if let median = level.median {
                let (place, height) = (x.place(level.value), y.place(median))
                drawing.line(place - 18, height, place + 18, height, "median s\(index)")
            }
        }
        guard points.count > 1 else { return }
        let upper = points.map { (x: $0.x, y: $0.interval.map { y.place($0.upper) } ?? $0.y) }
        let lower = points.map { (x: $0.x, y: $0.interval.map { y.place($0.lower) } ?? $0.y) }
        drawing.polygon(upper + lower.reversed(), "band s\(index)")
        drawing.polyline(points.map { ($0.x, $0.y) }, "median s\(index)")
    }

    private func drawTrials(
        _ curve: ResponseCurve, _ index: Int, of count: Int, _ x: FactorAxis, _ y: Axis, lane: Double,
        into drawing: inout Drawing
    ) {
        let shift = (Double(index) - Double(count - 1) / 2) * 4
        for level in curve.levels {
            let middle = x.place(level.value) + shift
            for (place, response) in level.responses.enumerated() {
                let trial = level.trials.first { $0.id == response.trial }
                drawing.mark(
                    response.trial, middle + Self.jitter(place, of: level.responses.count),
                    y.place(response.value), isGood: trial?.cameThrough ?? true, series: index,
                    TrialText.title(trial, response.value, measure, analysis.description))
            }
            for (place, trial) in level.failing.enumerated() {
                drawing.mark(
                    trial.id, middle + Self.jitter(place, of: level.failing.count) * 1.6, lane,
                    isGood: false, TrialText.title(trial, nil, measure, analysis.description))
            }
        }
    }

    /// Side by side, so that equal values do not hide each other; the same every time.
    static func jitter(_ place: Int, of count: Int, step: Double = 5, limit: Double = 24) -> Double {
        let step = min(step, limit / Double(max(count, 1)))
        return (Double(place) - Double(count - 1) / 2) * step
    }
}

/// One trial in a few words, for a mark's title.
enum TrialText {
    static func settings(_ trial: ExperimentTrial, _ description: ExperimentDescription) -> String {
        description.factors.map { $0.setting(trial.values[$0.name]) }.joined(separator: ", ")
    }

    static func title(
        _ trial: ExperimentTrial?, _ value: Double?, _ measure: ExperimentMeasure?, _ description: ExperimentDescription
    ) -> String {
        guard let trial else { return "" }
        var text = "trial \(trial.id), repeat \(trial.repeatNumber): \(settings(trial, description))"
        if let value, let measure { text += "; \(measure.name) \(measure.unit.text(value))" }
        if trial.outcome != .completed || trial.holds == false { text += "; \(outcome(trial))" }
        return text
    }

    /// `OOM-killed`, `completed, the condition did not hold`
    static func outcome(_ trial: ExperimentTrial) -> String {
        let word =
            switch trial.outcome {
            case .completed: trial.holds == false ? "completed, condition not met" : "completed"
            case .oomKilled: trial.holds == true ? "OOM-killed, condition met" : "OOM-killed"
            case .failed: "failed"
            case .timedOut: "timed out"
            case .broken: "broken"
            }
        return word
    }
}
