import Foundation
import Testing

@testable import Laboratory

@Suite struct AnalysisTests {
    private static let mebibyte = 1_048_576.0

    /// An experiment with one factor; `trials` are value, whether it held, and the measure.
    private static func analysis(
        knob: String = "memory.max", unit: ExperimentUnit = .bytes, bisection: Bool = true, majority: Bool = false,
        measure: ExperimentMeasure = ExperimentMeasure(name: "wall_time", unit: .seconds, direction: .lowerIsBetter),
        planned: Int? = nil, _ trials: [(value: ExperimentValue, holds: Bool, measure: Double?)]
    ) -> ExperimentAnalysis {
        let description = ExperimentDescription(
            name: "test", question: "Which?",
            factors: [
                ExperimentFactor(
                    name: knob, knob: knob, container: "app", unit: unit, scale: .logarithmic,
                    values: bisection ? [] : Array(Set(trials.map(\.value))).sorted())
            ],
            bisection: bisection
                ? ExperimentBisection(
                    factor: knob, condition: "outcome == completed", lowest: 1, highest: 1e9, tolerance: 0.05,
                    holdsByMajority: majority) : nil,
            measures: [measure], series: [], container: "app", repeats: 1, intervalSeconds: 0.1, seed: 1,
            plannedTrials: planned, machine: SyntheticExperiment.machine, startedAt: SyntheticExperiment.startedAt,
            commandLine: [], fileDigest: "")
        let result = ExperimentResult(
            description: description,
            trials: trials.enumerated().map { index, trial in
                ExperimentTrial(
                    id: index + 1, values: [knob: trial.value], repeatNumber: 1, order: index + 1,
                    start: SyntheticExperiment.startedAt, end: SyntheticExperiment.startedAt + 1,
                    outcome: trial.holds ? .completed : .oomKilled, holds: bisection ? trial.holds : nil,
                    measures: trial.measure.map { [measure.name: $0] } ?? [:])
            })
        return ExperimentAnalysis(result, digest: SampleDigest(description))
    }

    private static func memory(_ trials: [(Double, Bool)], majority: Bool = false) -> ExperimentAnalysis {
        analysis(majority: majority, trials.map { (.number($0.0 * mebibyte), $0.1, nil) })
    }

    typealias ThresholdCase = (trials: [(Double, Bool)], failing: Double?, holding: Double?, hopeless: Double?)

    /// Limit in MiB and whether it held; the largest failing, the smallest holding, what never held.
    static let thresholdCases: [ThresholdCase] = [
        ([(64.0, true), (32, false), (48, true), (40, false)], 40, 48, nil),
        ([(64, true), (32, true)], nil, 32, nil),
        ([(64, false), (32, false)], 64, nil, nil),
        // Chance near the threshold: the cautious side.
        ([(64, true), (48, true), (48, false), (32, false)], 48, 64, 32),
        ([(64, true), (56, false), (48, true), (32, false)], 56, 64, 32),
    ]

    @Test(arguments: thresholdCases)
    func thresholds(_ example: ThresholdCase) throws {
        let threshold = try #require(Self.memory(example.trials).threshold)
        #expect(threshold.failing?.value == example.failing.map { $0 * Self.mebibyte })
        #expect(threshold.holding?.value == example.holding.map { $0 * Self.mebibyte })
        #expect(threshold.hopeless?.value == example.hopeless.map { $0 * Self.mebibyte })
    }

    @Test func theMajorityDecidesWhereItIsTheRule() throws {
        let trials = [(64.0, true), (48, true), (48, true), (48, false), (32, false)]
        #expect(try #require(Self.memory(trials, majority: true).threshold).holding?.value == 48 * Self.mebibyte)
        #expect(try #require(Self.memory(trials).threshold).holding?.value == 64 * Self.mebibyte)
    }

    @Test func contradictionsAreTold() {
        let remarks = Self.memory([(64, true), (56, false), (48, true), (32, false)]).remarks
        #expect(remarks.contains { $0.hasPrefix("48\u{A0}MiB held in 1 of 1, but 56\u{A0}MiB did not in 1 of 1") })
    }

    @Test func saysWhatItCannotTell() {
        let nothing = Self.memory([])
        #expect(nothing.answer.headline == "no answer yet" && nothing.recommendation.yaml == nil)
        let failing = Self.memory([(32, false), (64, false)])
        #expect(failing.answer.headline == "above 64\u{A0}MiB")
        #expect(failing.recommendation.yaml == nil && failing.recommendation.next[0].contains("larger values"))
        let holding = Self.memory([(32, true), (64, true)])
        #expect(holding.answer.headline == "at most 32\u{A0}MiB")
        #expect(holding.recommendation.next.contains { $0.contains("values below 32\u{A0}MiB") })
    }

    /// Margin: a tenth, or twice the width of the interval.
    @Test(arguments: [([(64.0, true), (63, false)], "71Mi"), ([(64, true), (56, false)], "80Mi")])
    func memoryLimits(trials: [(Double, Bool)], limit: String) {
        let yaml = Self.memory(trials).recommendation.yaml
        #expect(yaml == "resources:\n  requests:\n    memory: \(limit)\n  limits:\n    memory: \(limit)\n")
    }

    @Test func wordsAmongTheValuesAreDrawnBesideTheNumbers() {
        let analysis = Self.analysis(
            bisection: false,
            [32, 64, 128].flatMap { size in
                [(ExperimentValue.number(size * Self.mebibyte), size > 32, size > 32 ? 2 : nil)]
            } + [(.word("max"), true, 1.5)])
        #expect(analysis.form == .response)
        #expect(analysis.answer.headline == "64\u{A0}MiB")
        let page = HTMLReport(analysis).document
        #expect(page.contains(">max</text>") && page.contains(">failed</text>"))
    }

    private static let latency = ExperimentMeasure(
        name: "p99", unit: .milliseconds, direction: .lowerIsBetter, target: 20)

    private static func quota(_ values: [(Double, Double)], target: Bool) -> ExperimentAnalysis {
        var measure = latency
        if !target { measure.target = nil }
        return analysis(
            knob: "cpu.max", unit: .cores, bisection: false, measure: measure,
            values.map { (.number($0.0), true, $0.1) })
    }

    typealias LatencyCase = (values: [(Double, Double)], target: Bool, headline: String, title: String)

    static let latencyCases: [LatencyCase] = [
        ([(0.1, 100.0), (0.2, 30), (0.4, 19), (0.8, 15)], true, "400m", "Limit 400m, request 400m"),
        ([(0.1, 100), (0.2, 90), (0.4, 80), (0.8, 70)], true, "above 800m", "No limit can be recommended"),
        // A single value that meets the target below one that does not is no answer.
        ([(0.1, 19), (0.2, 30), (0.4, 18), (0.8, 15)], true, "400m", "Limit 400m, request 400m"),
        ([(0.1, 100), (0.2, 90), (0.4, 80), (0.8, 70)], false, "800m", "No limit can be recommended"),
        ([(0.1, 100), (0.2, 20), (0.4, 19), (0.8, 18.5)], false, "200m", "Limit 200m, request 200m"),
    ]

    @Test(arguments: latencyCases)
    func latencies(_ example: LatencyCase) {
        let analysis = Self.quota(example.values, target: example.target)
        #expect(analysis.answer.headline == example.headline)
        #expect(analysis.recommendation.title == example.title)
        #expect(analysis.answer.qualifiers.contains("no repeats, so no spread is known"))
    }

    @Test func outliersAndDisorderAreTold() {
        let even = [0.1, 0.2, 0.4, 0.8].flatMap { quota in
            (0..<6).map { repeated in (quota, 10 / quota + Double(repeated) * 0.01) }
        }
        #expect(Self.quota(even, target: false).remarks.isEmpty)
        let outlier = Self.quota(even + [(0.8, 60)], target: false)
        #expect(outlier.remarks.contains { $0.hasPrefix("trial 25 is far from its repeats: p99 60\u{A0}ms") })
        let disorder = Self.quota(even.map { $0.0 == 0.4 ? ($0.0, $0.1 + 60) : $0 }, target: false)
        #expect(disorder.remarks.contains { $0.hasPrefix("p99 goes the other way between 200m and 400m") })
    }

    @Test func aBisectionOfAMeasureIsDrawnOnItsCurve() {
        var trials: [(ExperimentValue, Bool, Double?)] = []
        for (quota, value) in [(1.0, 10.0), (0.1, 90), (0.5, 18), (0.3, 30)] {
            trials.append((.number(quota), value < 20, value))
        }
        let analysis = Self.analysis(
            knob: "cpu.max", unit: .cores,
            measure: ExperimentMeasure(name: "outcome", unit: .milliseconds, direction: .lowerIsBetter), trials)
        #expect(analysis.form == .response)
        #expect(analysis.answer.headline == "500m")
        #expect(analysis.recommendation.title == "Limit 500m, request 500m")
    }

    @Test func aDifferenceThatMayBeChanceIsSaidToBe() {
        let rates: [(ExperimentValue, Bool, Double?)] = [
            (.word("idle"), true, 100), (.word("idle"), true, 80), (.word("idle"), true, 120),
            (.word("busy"), true, 90), (.word("busy"), true, 110), (.word("busy"), true, 70),
        ]
        let measure = ExperimentMeasure(name: "rate", unit: .perSecond, direction: .higherIsBetter)
        let noisy = Self.analysis(knob: "LOAD", unit: .none, bisection: false, measure: measure, rates)
        #expect(noisy.form == .comparison && noisy.answer.warnings == ["may be chance"])
        let clear = Self.analysis(
            knob: "LOAD", unit: .none, bisection: false, measure: measure,
            rates.map { ($0.0, $0.1, ($0.2 ?? 0) / ($0.0 == .word("busy") ? 3 : 1)) })
        #expect(clear.answer.warnings.isEmpty)
    }

    @Test func nothingFromOutsideBecomesATag() {
        let hostile = "</script><img src=x onerror=\"alert('1')\">\u{0}"
        let plain: Markup = "\(hostile)"
        #expect(
            plain.text == "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;\u{FFFD}")
        let inner: Markup = "a\(hostile.prefix(1).description)b"
        let nested: Markup = "<b title=\"\(hostile)\">\(inner)</b>"
        #expect(!nested.text.contains("<img") && nested.text.hasSuffix(">a&lt;b</b>"))
        #expect(MarkdownReport.plain("a|b\n<i>*x*") == "a\\|b &lt;i&gt;\\*x\\*")
    }
}
