/// `report.html`: the question, the answer, the curve and the recommendation on the first screen; all else below.
struct HTMLReport {
    let analysis: ExperimentAnalysis
    private var description: ExperimentDescription { analysis.description }

    init(_ analysis: ExperimentAnalysis) { self.analysis = analysis }

    var document: String {
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(description.name): \(description.question)</title>
            <style>
            \(Markup(stringLiteral: ReportStyle.css))
            </style>
            </head>
            <body>
            <main>
            \(header)
            <div class="first">
            <figure>
            \(chart)
            \(legend)
            <p class="hint" id="hint">\(hint)</p>
            </figure>
            \(recommendation)
            </div>
            \(TrialSections(analysis).timeSeries)
            \(TrialSections(analysis).table)
            \(MethodSection(analysis).markup)
            \(problems)
            </main>
            <script>
            \(Markup(stringLiteral: ReportStyle.script))
            </script>
            </body>
            </html>

            """
        return page.text
    }

    private var hint: String {
        analysis.form == .nothing
            ? "" : "Point at a mark to see its trial; click to mark it in all charts and the table."
    }

    private var header: Markup {
        let answer = analysis.answer
        let remarks = analysis.remarks.count
        let link: Markup =
            remarks == 0
            ? "" : " · <a href=\"#problems\">\(Wording.count(remarks, "problem")) to know about</a>"
        let style = answer.headline.count > 14 ? "headline long" : "headline"
        let chips =
            answer.qualifiers.map { chip -> Markup in "<li>\(chip)</li>" }
            + answer.warnings.map { chip -> Markup in "<li class=\"warning\">\(chip)</li>" }
        let date = TrialTable.text(description.startedAt).prefix(10)
        return """
            <p class="meta">\(description.name) · \(String(date)) · \(description.machine.summary)\(link)</p>
            <h1>\(description.question)</h1>
            <section class="answer">
            <div>
            <p class="\(style)">\(answer.headline)</p>
            <p class="caption">\(answer.caption)</p>
            </div>
            <div>
            <p class="sentence">\(answer.sentence)</p>
            <ul class="chips">\(chips)</ul>
            </div>
            </section>
            """
    }

    private var chart: Markup {
        guard let factor = analysis.factor else { return "<p>No trial has ended yet.</p>" }
        switch analysis.form {
        case .survival:
            if let threshold = analysis.threshold {
                return SurvivalChart(analysis: analysis, factor: factor, threshold: threshold).draw()
            }
        case .response:
            if let measure = analysis.measure {
                return ResponseChart(analysis: analysis, factor: factor, measure: measure).draw()
            }
        case .comparison:
            if let measure = analysis.measure {
                return ComparisonChart(analysis: analysis, factor: factor, measure: measure).draw()
            }
        case .nothing: break
        }
        return "<p>There is nothing to draw yet.</p>"
    }

    private var legend: Markup {
        func item(_ shape: Markup, _ text: String) -> Markup {
            "<li><svg viewBox=\"0 0 26 12\" aria-hidden=\"true\">\(shape)</svg>\(text)</li>"
        }
        let dot: Markup = "<g class=\"mark s0\"><circle cx=\"13\" cy=\"6\" r=\"4\"/></g>"
        let cross: Markup = "<g class=\"mark bad\"><path d=\"M9 2L17 10M17 2L9 10\"/></g>"
        let shade: Markup = "<rect class=\"answer\" x=\"4\" width=\"18\" height=\"12\"/>"
        var items: [Markup] = []
        let failed = analysis.trials.contains { !$0.cameThrough }
        switch analysis.form {
        case .nothing: return ""
        case .survival:
            items = [
                item(dot, "trial that held"), item(cross, "did not hold"),
                item("<path class=\"whisker\" d=\"M13 0V12\"/>", "95\u{A0}% interval of the share"),
                item(shade, "where the threshold is"),
            ]
        case .response, .comparison:
            if analysis.curves.count > 1 {
                for (index, curve) in analysis.curves.prefix(ResponseChart.maximumCurves).enumerated() {
                    let style = "s\(index)"
                    items.append(
                        item(
                            "<path class=\"median \(style)\" d=\"M0 6H26\"/><g class=\"mark \(style)\"><circle cx=\"13\" cy=\"6\" r=\"4\"/></g>",
                            curve.label))
                }
            }
            items += [
                item(dot, "one trial"), item("<path class=\"median s0\" d=\"M0 6H26\"/>", "median"),
                item("<rect class=\"band s0\" width=\"26\" height=\"12\"/>", bandText),
            ]
            if failed { items.append(item(cross, description.bisection == nil ? "failed" : "condition not met")) }
            if analysis.form == .response { items.append(item(shade, "where the answer may be")) }
        }
        return "<ul class=\"legend\">\(items)</ul>"
    }

    /// What the band is: with few repeats it is their range, and covers the median less surely.
    private var bandText: String {
        let certainties = analysis.curves.flatMap(\.levels).compactMap { $0.interval?.certainty }
        guard let least = certainties.min(), let most = certainties.max() else { return "interval of the median" }
        let text =
            least == most
            ? Wording.percent(least) : "\(NumberText.short(least * 100, digits: 2))–\(Wording.percent(most))"
        return "\(text) interval of the median"
    }

    private var recommendation: Markup {
        let recommendation = analysis.recommendation
        let yaml: Markup = recommendation.yaml.map { "<div class=\"yaml\"><pre>\($0)</pre></div>" } ?? ""
        let reasons = recommendation.reasons.map { reason -> Markup in "<p>\(reason)</p>" }
        let next = recommendation.next.map { step -> Markup in "<li>\(step)</li>" }
        let more: Markup = next.isEmpty ? "" : "<p><b>To know more, run:</b></p><ul>\(next)</ul>"
        return """
            <aside>
            <h3>Recommendation</h3>
            <p class="title">\(recommendation.title)</p>
            \(yaml)
            \(reasons)
            \(more)
            </aside>
            """
    }

    private var problems: Markup {
        let items = analysis.remarks.map { remark -> Markup in "<li>\(Wording.capitalized(remark)).</li>" }
        let body: Markup =
            items.isEmpty
            ? "<p>None: every planned trial ended, none was broken, none is far from its repeats.</p>"
            : "<ul>\(items)</ul>"
        return "<h2 id=\"problems\">Problems</h2>\n\(body)"
    }
}

extension ExperimentDescription.Machine {
    /// `2 CPUs, 2 GiB, Linux 6.1.0-42-amd64`
    var summary: String {
        "\(Wording.count(cpus, "CPU")), \(ExperimentUnit.bytes.text(Double(memoryBytes))), Linux \(kernel)"
    }
}
