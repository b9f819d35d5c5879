import Foundation
import KubernetesAPI

/// What the report shows of every trial: its time series, and its line of the table.
struct TrialSections {
    let analysis: ExperimentAnalysis
    private var description: ExperimentDescription { analysis.description }

    init(_ analysis: ExperimentAnalysis) { self.analysis = analysis }

    /// By setting, then by repeat.
    private var sorted: [ExperimentTrial] {
        (analysis.trials + analysis.broken).sorted { left, right in
            for factor in description.factors {
                if let a = left.values[factor.name], let b = right.values[factor.name], a != b {
                    let places = (factor.values.firstIndex(of: a) ?? .max, factor.values.firstIndex(of: b) ?? .max)
                    return places.0 == places.1 ? a < b : places.0 < places.1
                }
            }
            return left.order < right.order
        }
    }

    // MARK: time series

    /// More than this many panels side by side cannot be read.
    private static let maximumPanels = 5
    /// With more trials, only the first repeats are open.
    private static let openTrials = 24

    var timeSeries: Markup {
        let digest = analysis.digest
        let panels = Array(digest.panels.prefix(Self.maximumPanels))
        let trials = sorted.filter { digest.trials[$0.id] != nil }
        guard !panels.isEmpty, !trials.isEmpty else {
            return "<h2>Time series</h2>\n<p class=\"small-print\">There are no samples.</p>"
        }
        let columns = "grid-template-columns: 150px repeat(\(panels.count), minmax(0, 1fr))"
        let maxima = panels.indices.map { index in
            let values = digest.trials.values.flatMap { trial in trial.lines[index].compactMap(\.maximum) }
            let limits = trials.compactMap { limit(panels[index], $0) }
            let largest = values.max() ?? 0
            // A limit far above everything that was used would press the lines to the floor.
            return max(largest, limits.filter { $0 <= largest * 2 }.max() ?? 0)
        }
        let heads = panels.enumerated().map { index, panel -> Markup in
            let lines = panel.lines.count > 1 ? panel.lines.map(\.label) : []
            let legend = lines.enumerated().map { line, label -> Markup in
                "<li><svg viewBox=\"0 0 26 12\" aria-hidden=\"true\"><path class=\"thin s\(line)\" d=\"M0 6H26\"/></svg>\(label)</li>"
            }
            let axis = Axis(values: [0, maxima[index]], isLogarithmic: false, includesZero: true, start: 0, end: 1)
                .labelled(panel.unit)
            let title = ResponseChart.title(panel.title, axis.symbol)
            let list: Markup = legend.isEmpty ? "" : "<ul class=\"legend\">\(legend)</ul>"
            return "<div>\(title)\(list)</div>"
        }
        func row(_ trial: ExperimentTrial) -> Markup {
            let lines = digest.trials[trial.id]?.lines ?? []
            let width = (1240.0 - 150 - 40) / Double(panels.count) - 10
            let cells = panels.enumerated().map { index, panel -> Markup in
                let chart = TrialChart(
                    panel: panel, lines: lines[index], maximum: maxima[index], duration: digest.duration,
                    length: trial.end.timeIntervalSince(trial.start), limit: limit(panel, trial),
                    title: "\(panel.title) over time, trial \(trial.id)")
                return "<div>\(chart.draw(width: min(width, 360)))</div>"
            }
            return """
                <div class="row" id="trial-\(trial.id)" data-trial="\(trial.id)" style="\(columns)">
                <div class="what">\(heading(trial))</div>\(cells)
                </div>

                """
        }
        let isLong = trials.count > Self.openTrials
        let open = isLong ? Array(trials.filter { $0.repeatNumber == 1 }.prefix(Self.openTrials)) : trials
        let shown = Set(open.map(\.id))
        let other = trials.filter { !shown.contains($0.id) }
        let rest: Markup =
            other.isEmpty
            ? "" : "<details><summary>\(other.count) more trials</summary>\n\(other.map(row))</details>"
        let hasLimit = trials.contains { trial in panels.contains { limit($0, trial) != nil } }
        let limitText: Markup =
            hasLimit
            ? " The dashed line across is the limit; one that is far above is not drawn." : ""
        return """
            <h2>Time series</h2>
            <p class="small-print">One row per trial, the same scales in all rows. The line is the middle of each slice of \
            time, the shade reaches from its least to its largest sample. A dotted upright is the trial's end.\(limitText)</p>
            <div class="series">
            <div class="row head" style="\(columns)"><div></div>\(heads)</div>
            \(open.map(row))\(rest)
            </div>
            """
    }

    private func heading(_ trial: ExperimentTrial) -> Markup {
        let settings = description.factors.map { factor -> Markup in
            let value = trial.values[factor.name].map(factor.text) ?? "?"
            return description.factors.count == 1 ? "<b>\(value)</b><br>" : "\(factor.name) <b>\(value)</b><br>"
        }
        let style = trial.cameThrough ? "" : "failure"
        return """
            \(settings)trial \(trial.id), repeat \(trial.repeatNumber)<br>\
            <span class="\(style)">\(TrialText.outcome(trial))</span>
            """
    }

    /// What the panel's knob was in a trial: varied, or the same in all.
    private func limit(_ panel: SamplePanel, _ trial: ExperimentTrial) -> Double? {
        guard let knob = panel.limitKnob else { return nil }
        let own = description.factors.first { factor in
            factor.knob == knob && (factor.container == description.container || factor.container.isEmpty)
        }
        if let own { return trial.values[own.name]?.number }
        let fields = ["memory.max": "limits.memory", "cpu.max": "limits.cpu"]
        let fixed = fields[knob].flatMap { description.fixed[$0] }.flatMap { Quantity($0).parsed }
        return fixed.map { Double($0.nanos) / 1e9 }
    }

    // MARK: table

    var table: Markup {
        let factors = description.factors.map { factor -> Markup in "<th class=\"number\">\(factor.name)</th>" }
        let measured = description.measures.filter { measure in
            analysis.trials.contains { $0.measures[measure.name] != nil }
        }
        let measures = measured.map { measure -> Markup in "<th class=\"number\">\(measure.name)</th>" }
        let rows = sorted.map { trial -> Markup in
            let values = description.factors.map { factor -> Markup in
                "<td class=\"number\">\(trial.values[factor.name].map(factor.text) ?? "")</td>"
            }
            let results = measured.map { measure -> Markup in
                "<td class=\"number\">\(trial.measures[measure.name].map { measure.unit.text($0, digits: 4) } ?? "")</td>"
            }
            let style = trial.cameThrough ? "" : "failure"
            let id: Markup =
                analysis.digest.trials[trial.id] == nil
                ? "\(trial.id)" : "<a href=\"#trial-\(trial.id)\">\(trial.id)</a>"
            let seconds = trial.end.timeIntervalSince(trial.start)
            return """
                <tr data-trial="\(trial.id)"><td class="number">\(id)</td><td class="number">\(trial.order)</td>\(values)\
                <td class="number">\(trial.repeatNumber)</td><td class="\(style)">\(TrialText.outcome(trial))</td>\
                <td class="number">\(trial.exitCode.map(String.init) ?? "")</td>\(results)\
                <td class="number">\(ExperimentUnit.seconds.text(seconds))</td><td>\(trial.reason)</td></tr>

                """
        }
        return """
            <h2>Trials</h2>
            <div class="scroll">
            <table>
            <thead><tr><th class="number">trial</th><th class="number">order</th>\(factors)<th class="number">repeat</th>\
            <th>outcome</th><th class="number">exit</th>\(measures)<th class="number">took</th><th>reason</th></tr></thead>
            <tbody>
            \(rows)</tbody>
            </table>
            </div>
            """
    }
}
