/// The horizontal axis of a factor: a number line and, to its right, a place for each word such as `max`.
struct FactorAxis: Sendable {
    private(set) var axis: Axis
    private var words: [(word: String, place: Double)] = []
    private static let slot = 64.0

    init(_ values: some Sequence<ExperimentValue>, factor: ExperimentFactor, frame: Frame) {
        var numbers: Set<Double> = []
        var names: [String] = []
        for value in values {
            switch value {
            case .number(let number): numbers.insert(number)
            case .word(let word): if !names.contains(word) { names.append(word) }
            }
        }
        let end = frame.right - Double(names.count) * Self.slot
        axis = Axis(
            values: Array(numbers), isLogarithmic: factor.scale == .logarithmic, includesZero: false,
            start: frame.left, end: end, padding: 0.05)
        words = names.sorted().enumerated().map { ($1, end + (Double($0) + 0.5) * Self.slot) }
        if numbers.count <= 12 {
            axis.label(at: Array(numbers), factor.unit, room: 46)
        } else {
            axis.labelRoundly(factor.unit, count: 7)
        }
    }

    func place(_ value: ExperimentValue) -> Double {
        switch value {
        case .number(let number): axis.place(number)
        case .word(let word): words.first { $0.word == word }?.place ?? axis.end
        }
    }

    func place(_ number: Double) -> Double { axis.place(number) }

    func draw(_ factor: ExperimentFactor, _ frame: Frame, into drawing: inout Drawing) {
        frame.drawHorizontal(axis, name: ResponseChart.title(factor.name, axis.symbol), into: &drawing)
        if !words.isEmpty { drawing.line(axis.end, frame.top, axis.end, frame.bottom, "grid") }
        for (word, place) in words { drawing.text(place, frame.bottom + 19, word, "tick", .middle) }
    }
}
