/// How it was measured, and how the numbers were made of the measurements.
struct MethodSection {
    let analysis: ExperimentAnalysis
    private var description: ExperimentDescription { analysis.description }

    init(_ analysis: ExperimentAnalysis) { self.analysis = analysis }

    /// Term and definition, in the order of reading; for both kinds of report.
    var facts: [(term: String, text: String)] {
        var facts: [(String, String)] = []
        for factor in description.factors {
            let values = factor.values.map(factor.text)
            let whose = factor.container.isEmpty ? "the pod" : "container \(factor.container)"
            facts.append(
                (
                    "varied",
                    "\(factor.name) (\(factor.knob) of \(whose))"
                        + (values.isEmpty ? "" : ": \(Wording.list(values, limit: 20))")
                ))
        }
        if let bisection = description.bisection,
            let factor = description.factors.first(where: { $0.name == bisection.factor })
        {
            facts.append(
                (
                    "searched",
                    "the \(bisection.holdsAbove ? "smallest" : "largest") \(bisection.factor) for which "
                        + "“\(bisection.condition)” holds, by bisection of "
                        + "\(factor.text(.number(bisection.lowest))) to \(factor.text(.number(bisection.highest))), down to "
                        + "\(Wording.percent(bisection.tolerance))"
                ))
        }
        if !description.baseline.isEmpty {
            facts.append(
                (
                    "compared with",
                    description.baseline.sorted { $0.key < $1.key }.map { name, value in
                        "\(name) \(description.factors.first { $0.name == name }?.text(value) ?? value.description)"
                    }.joined(separator: ", ")
                ))
        }
        if !description.fixed.isEmpty {
            facts.append(
                (
                    "held",
                    description.fixed.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                        .joined(separator: ", ")
                ))
        }
        facts.append(
            (
                "order",
                description.bisection == nil
                    ? "random, from seed \(description.seed)" : "as the search went; seed \(description.seed)"
            ))
        facts.append(("repeats", String(description.repeats)))
        if let duration = description.durationSeconds {
            facts.append(("duration", ExperimentUnit.seconds.text(duration)))
        }
        facts.append(
            (
                "sampled",
                "every \(ExperimentUnit.seconds.text(description.intervalSeconds)): "
                    + "\(Wording.count(analysis.digest.count, "sample")) of \(description.series.count) series"
            ))
        let machine = description.machine
        facts.append(
            (
                "machine",
                "\(machine.hostname), \(machine.summary) (\(machine.architecture))"
                    + (machine.processor.isEmpty ? "" : ", \(machine.processor)")
            ))
        facts.append(("started", TrialTable.text(description.startedAt)))
        facts.append(("command", description.commandLine.joined(separator: " ")))
        facts.append(("file", description.fileDigest))
        return facts
    }

    /// What the intervals are and what they are not.
    var explanation: String {
        switch analysis.form {
        case .survival:
            "The answer is the smallest value at and beyond which every trial held; the shade reaches to the largest "
                + "value at which one did not. The intervals of the shares are Wilson's, with 95\u{A0}%. They are "
                + "about repeats on this machine with this workload: another input may need more."
        case .response:
            "Intervals are those of the median from order statistics; with fewer than six repeats that is their range, "
                + "whose certainty is below 95\u{A0}% and is stated. A bend is found by Kneedle (the point farthest "
                + "above the chord of the scaled curve), and checked by redrawing the repeats 400 times."
        case .comparison, .nothing:
            "Intervals of medians are from order statistics; those of ratios from the exact rank-sum distribution "
                + "(Hodges and Lehmann), which assumes no bell curve. With few repeats their certainty is below "
                + "95\u{A0}%, and is stated."
        }
    }

    var markup: Markup {
        let items = facts.map { fact -> Markup in "<dt>\(fact.term)</dt><dd>\(fact.text)</dd>\n" }
        return """
            <h2>Method</h2>
            <dl>
            \(items)</dl>
            <p class="small-print">\(explanation)</p>
            """
    }
}
