/// An SVG being made: shapes with classes that the document's style gives colours.
struct Drawing: Sendable {
    enum Anchor: String, Sendable { case start, middle, end }

    let width: Double
    let height: Double
    /// What a reader who does not see the picture is told.
    let summary: String
    private var content: Markup = ""

    init(width: Double, height: Double, summary: String) {
        self.width = width
        self.height = height
        self.summary = summary
    }

    /// The whole element; `style` is its class.
    func markup(_ style: String) -> Markup {
        """
        <svg class="\(style)" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(summary)">\(content)</svg>
        """
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
        content += "<line class=\"\(style)\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\"/>"
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) {
        content +=
            "<rect class=\"\(style)\" x=\"\(x)\" y=\"\(y)\" width=\"\(max(0, width))\" height=\"\(max(0, height))\"/>"
    }

    mutating func text(_ x: Double, _ y: Double, _ text: String, _ style: String, _ anchor: Anchor = .start) {
        content += "<text class=\"\(style)\" x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor.rawValue)\">\(text)</text>"
    }

    mutating func polyline(_ points: [(x: Double, y: Double)], _ style: String) {
        content += "<path class=\"\(style)\" d=\"\(Self.path(points))\"/>"
    }

    mutating func polygon(_ points: [(x: Double, y: Double)], _ style: String) {
        content += "<path class=\"\(style)\" d=\"\(Self.path(points))Z\"/>"
    }

    mutating func dot(_ x: Double, _ y: Double, _ radius: Double, _ style: String) {
        content += "<circle class=\"\(style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"\(radius)\"/>"
    }

    /// A trial's mark, which can be pointed at and chosen: a dot where it came through, a cross where not.
    mutating func mark(_ trial: Int, _ x: Double, _ y: Double, isGood: Bool, series: Int = 0, _ title: String) {
        let shape: Markup
        if isGood {
            shape = "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"4\"/>"
        } else {
            let size = 4.5
            shape =
                "<path d=\"M\(x - size) \(y - size)L\(x + size) \(y + size)M\(x + size) \(y - size)L\(x - size) \(y + size)\"/>"
        }
        let style = isGood ? "mark s\(series)" : "mark bad"
        content += "<g class=\"\(style)\" data-trial=\"\(trial)\"><title>\(title)</title>\(shape)</g>"
    }

    private static func path(_ points: [(x: Double, y: Double)]) -> String {
        var text = ""
        for (index, point) in points.enumerated() {
            text += index == 0 ? "M" : "L"
            text += "\(NumberText.tenths(point.x)) \(NumberText.tenths(point.y))"
        }
        return text
    }
}

/// The plotting area inside a drawing, with axes around it.
struct Frame: Sendable {
    var left: Double
    var top: Double
    var right: Double
    var bottom: Double

    /// Horizontal lines and labels at the left, and the name above: no one has to turn the head to read it.
    func drawVertical(_ axis: Axis, name: String, nameTop: Double? = nil, into drawing: inout Drawing) {
        for tick in axis.ticks {
            let y = axis.place(tick.value)
            drawing.line(left, y, right, y, "grid")
            drawing.text(left - 8, y + 4, tick.label, "tick", .end)
        }
        drawing.text(4, nameTop ?? top - 14, name, "name")
    }

    func drawHorizontal(_ axis: Axis, name: String, into drawing: inout Drawing) {
        drawing.line(left, bottom, right, bottom, "axis")
        for tick in axis.ticks {
            let x = axis.place(tick.value)
            drawing.line(x, bottom, x, bottom + 5, "axis")
            drawing.text(x, bottom + 19, tick.label, "tick", .middle)
        }
        drawing.text((left + right) / 2, bottom + 39, name, "name", .middle)
    }
}
