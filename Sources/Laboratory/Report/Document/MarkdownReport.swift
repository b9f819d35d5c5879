import Foundation

/// `report.md`: the same for a terminal, a commit or a chat.
struct MarkdownReport {
    let analysis: ExperimentAnalysis
    private var description: ExperimentDescription { analysis.description }

    init(_ analysis: ExperimentAnalysis) { self.analysis = analysis }

    var document: String {
        let answer = analysis.answer
        let recommendation = analysis.recommendation
        var lines = ["# \(Self.plain(description.question))", ""]
        lines.append("**\(Self.plain(answer.headline))**: \(Self.plain(answer.sentence))")
        lines += ["", "*\(Self.plain((answer.qualifiers + answer.warnings).joined(separator: "; ")))*", ""]
        lines += curve
        lines += ["## Recommendation: \(Self.plain(recommendation.title))", ""]
        if let yaml = recommendation.yaml { lines += ["```yaml", yaml + "```", ""] }
        lines += recommendation.reasons.map { "- \(Self.plain($0))" }
        lines += recommendation.next.map { "- To know more, run \(Self.plain($0))." }
        lines += [""] + trials
        lines += ["## Method", ""]
        lines += MethodSection(analysis).facts.map { "- \(Self.plain($0.term)): \(Self.plain($0.text))" }
        lines += ["", Self.plain(MethodSection(analysis).explanation), "", "## Problems", ""]
        lines += analysis.remarks.isEmpty ? ["None."] : analysis.remarks.map { "- \(Self.plain($0))" }
        lines += ["", "Charts and time series are in [report.html](report.html).", ""]
        return lines.joined(separator: "\n")
    }

    /// Every level with a bar as long as its median or its share.
    private var curve: [String] {
        guard let factor = analysis.factor, analysis.form != .nothing else { return [] }
        let bySurvival = analysis.form == .survival
        let medians = analysis.curves.flatMap { $0.levels.compactMap(\.median) }
        let largest = bySurvival ? 1 : medians.max() ?? 1
        var rows: [[String]] = []
        for curve in analysis.curves {
            if !curve.label.isEmpty { rows.append([curve.label]) }
            for level in curve.levels {
                let length = bySurvival ? level.holds.share : level.median ?? 0
                var amount = bySurvival ? "" : "–"
                if !bySurvival, let measure = analysis.measure, let median = level.median {
                    amount = measure.unit.text(median)
                    if let interval = level.interval {
                        amount += " (\(measure.unit.range(interval.lower, interval.upper)))"
                    }
                }
                rows.append([
                    factor.text(level.value), Self.bar(largest > 0 ? length / largest : 0, width: 30), amount,
                    "\(level.holds.successes)/\(level.holds.count)",
                ])
            }
        }
        let width = rows.filter { $0.count > 1 }.map { $0[0].count }.max() ?? 0
        let title = bySurvival ? "trials that held" : analysis.measure?.name ?? ""
        let lines = rows.map { row -> String in
            guard row.count > 1 else { return row[0] }
            let label = String(repeating: " ", count: width - row[0].count) + row[0]
            return ([label + " ▏" + row[1]] + row[2...].filter { !$0.isEmpty }).joined(separator: "  ")
        }
        return ["```text", "\(title) by \(factor.name)"] + lines.map { Self.fenced($0) } + ["```", ""]
    }

    /// In eighths of a letter.
    static func bar(_ share: Double, width: Int) -> String {
        let eighths = Int((min(max(share, 0), 1) * Double(width * 8)).rounded())
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        let text = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
        return text + String(repeating: " ", count: max(0, width - text.count))
    }

    private var trials: [String] {
        let measures = description.measures.filter { measure in
            analysis.trials.contains { $0.measures[measure.name] != nil }
        }
        let head =
            ["trial"] + description.factors.map(\.name) + ["repeat", "outcome"] + measures.map(\.name) + ["reason"]
        let rows = (analysis.trials + analysis.broken).sorted { $0.order < $1.order }.map { trial in
            [String(trial.id)] + description.factors.map { trial.values[$0.name].map($0.text) ?? "" }
                + [String(trial.repeatNumber), TrialText.outcome(trial)]
                + measures.map { measure in trial.measures[measure.name].map { measure.unit.text($0, digits: 4) } ?? ""
                }
                + [trial.reason]
        }
        func line(_ cells: [String]) -> String { "| " + cells.map(Self.plain).joined(separator: " | ") + " |" }
        return ["## Trials", "", line(head), line(head.map { _ in "---" })] + rows.map(line) + [""]
    }

    /// Text that Markdown takes as text. An angle bracket could begin a tag, a bar a cell.
    static func plain(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\", "`", "*", "_", "[", "]", "|", "#", "~": escaped += "\\\(character)"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "&": escaped += "&amp;"
            case _ where character.isNewline: escaped += " "
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// Inside a fence only a line of back-ticks would end it.
    private static func fenced(_ text: String) -> String {
        text.replacing("```", with: "'''").split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
