/// One panel of one trial: what was sampled over its time, drawn as the range that each slice of time had.
struct TrialChart {
    let panel: SamplePanel
    let lines: [DownsampledLine]
    /// The same for all trials, so that they can be compared by eye.
    let maximum: Double
    let duration: Double
    /// Where the trial ended.
    let length: Double
    let limit: Double?
    let title: String

    func draw(width: Double = 290, height: Double = 96) -> Markup {
        var drawing = Drawing(width: width, height: height, summary: title)
        let frame = Frame(left: 46, top: 8, right: width - 6, bottom: height - 18)
        var y = Axis(
            values: [0, max(maximum, 1e-9)], isLogarithmic: false, includesZero: true, start: frame.bottom,
            end: frame.top, padding: 0.02)
        y.labelRoundly(panel.unit, count: 2)
        for tick in y.ticks {
            drawing.line(frame.left, y.place(tick.value), frame.right, y.place(tick.value), "grid")
            drawing.text(frame.left - 4, y.place(tick.value) + 4, tick.label, "tick", .end)
        }
        if let limit, limit <= y.domain.upperBound {
            drawing.line(frame.left, y.place(limit), frame.right, y.place(limit), "limit")
        }
        let scale = (frame.right - frame.left) / Double(SampleDigest.slices)
        for (index, line) in lines.enumerated() {
            draw(line, index, frame, y, scale, into: &drawing)
        }
        drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis")
        if length < duration * 0.97, duration > 0 {
            let end = frame.left + (frame.right - frame.left) * length / duration
            drawing.line(end, frame.top, end, frame.bottom, "end")
        }
        drawing.text(frame.left, height - 4, "0", "tick", .middle)
        drawing.text(frame.right, height - 4, ExperimentUnit.seconds.text(duration), "tick", .end)
        return drawing.markup("small")
    }

    /// Slices next to each other are one stroke through their middles, and an area from their least to their largest.
    private func draw(
        _ line: DownsampledLine, _ index: Int, _ frame: Frame, _ y: Axis, _ scale: Double, into drawing: inout Drawing
    ) {
        let places = line.slices.enumerated().compactMap { slice, range in
            range.map {
                (
                    x: frame.left + (Double(slice) + 0.5) * scale, low: y.place($0.lowerBound),
                    high: y.place($0.upperBound)
                )
            }
        }
        guard let first = places.first else { return }
        if places.count == 1 {
            drawing.dot(first.x, (first.low + first.high) / 2, 1.6, "level s\(index)")
            return
        }
        if places.contains(where: { $0.low - $0.high > 1 }) {
            drawing.polygon(
                places.map { ($0.x, $0.high) } + places.reversed().map { ($0.x, $0.low) }, "band s\(index)")
        }
        drawing.polyline(places.map { ($0.x, ($0.low + $0.high) / 2) }, "thin s\(index)")
    }
}
