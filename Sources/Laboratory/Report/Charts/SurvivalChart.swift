/// A bisection: above, the share of trials that held, along the factor; below, on the same axis, the way that the search
/// took, trial by trial from top to bottom.
struct SurvivalChart {
    let analysis: ExperimentAnalysis
    let factor: ExperimentFactor
    let threshold: ThresholdEstimate

    func draw(width: Double = 800, height: Double = 460) -> Markup {
        var drawing = Drawing(
            width: width, height: height,
            summary: "share of trials that held, along \(factor.name): \(analysis.answer.sentence)")
        let upper = Frame(left: 66, top: 52, right: width - 18, bottom: height * 0.5)
        let lower = Frame(left: 66, top: height * 0.5 + 44, right: width - 18, bottom: height - 52)
        var x = Axis(
            values: threshold.sides.map(\.value), isLogarithmic: factor.scale == .logarithmic, includesZero: false,
            start: upper.left, end: upper.right, padding: 0.05)
        x.labelRoundly(factor.unit, count: 8)
        var share = Axis(
            values: [0, 100], isLogarithmic: false, includesZero: true, start: upper.bottom, end: upper.top,
            padding: 0.06)
        share.ticks = [0, 50, 100].map { Axis.Tick(value: $0, label: "\(Int($0))") }
        drawAnswer(x, upper, lower, into: &drawing)
        upper.drawVertical(share, name: "trials that held (%)", nameTop: 16, into: &drawing)
        drawing.line(upper.left, upper.bottom, upper.right, upper.bottom, "axis")
        drawShares(x, share, into: &drawing)
        drawSearch(x, lower, into: &drawing)
        lower.drawHorizontal(x, name: ResponseChart.title(factor.name, x.symbol), into: &drawing)
        return drawing.markup("chart")
    }

    private func drawAnswer(_ x: Axis, _ upper: Frame, _ lower: Frame, into drawing: inout Drawing) {
        guard let holding = threshold.holding else { return }
        let place = x.place(holding.value)
        if let failing = threshold.failing {
            let other = x.place(failing.value)
            // Never thinner than can be seen.
            let width = max(abs(place - other), 3)
            drawing.rectangle(min(place, other), upper.top, width, lower.bottom - upper.top, "answer")
        }
        drawing.line(place, upper.top, place, lower.bottom, "answerline")
        let anchor: Drawing.Anchor = place > upper.right - 80 ? .end : .middle
        drawing.text(
            min(place, upper.right), upper.top - 8, analysis.answer.headline, "answernote",
            anchor)
    }

    private func drawShares(_ x: Axis, _ share: Axis, into drawing: inout Drawing) {
        let points = threshold.sides.map { side in
            (x: x.place(side.value), y: share.place(side.holds.share * 100))
        }
        for (side, point) in zip(threshold.sides, points) {
            let interval = side.holds.interval
            drawing.line(
                point.x, share.place(interval.lower * 100), point.x, share.place(interval.upper * 100), "whisker")
        }
        drawing.polyline(points, "median s0")
        for (side, point) in zip(threshold.sides, points) {
            drawing.dot(
                point.x, point.y, 5, side.holds.isAll ? "level s0" : side.holds.isNone ? "level bad" : "level mixed")
        }
    }

    private func drawSearch(_ x: Axis, _ frame: Frame, into drawing: inout Drawing) {
        let trials = threshold.sides.flatMap(\.trials).sorted { $0.order < $1.order }
        drawing.text(4, frame.top - 10, "the search, from top to bottom", "name")
        // Repeats that follow each other are one step of the search, side by side.
        var steps: [[ExperimentTrial]] = []
        for trial in trials {
            if steps.last?.last?.values[factor.name] == trial.values[factor.name] {
                steps[steps.count - 1].append(trial)
            } else {
                steps.append([trial])
            }
        }
        guard !steps.isEmpty else { return }
        let height = (frame.bottom - frame.top - 8) / Double(steps.count)
        let places = steps.enumerated().map { index, step in
            (x: x.place(step[0].values[factor.name]?.number ?? 0), y: frame.top + height * (Double(index) + 0.5))
        }
        drawing.polyline(places, "path")
        for (step, place) in zip(steps, places) {
            var counts = (left: 0, right: 0)
            for trial in step {
                // Away from the threshold, so that no mark seems to lie on the wrong side of it.
                let isRight = trial.cameThrough == (analysis.description.bisection?.holdsAbove ?? true)
                let shift = Double(isRight ? counts.right : -counts.left) * min(8, 30 / Double(step.count))
                if isRight { counts.right += 1 } else { counts.left += 1 }
                drawing.mark(
                    trial.id, place.x + shift, place.y,
                    isGood: trial.cameThrough, TrialText.title(trial, nil, nil, analysis.description))
            }
        }
        drawing.text(frame.left - 8, places[0].y + 4, "first", "tick", .end)
        if height * Double(steps.count - 1) > 16, let last = places.last {
            drawing.text(frame.left - 8, last.y + 4, "last", "tick", .end)
        }
    }
}
