import Testing

@testable import Laboratory

@Suite struct TextTests {
    @Test(arguments: [
        (64.0 * 1_048_576, ExperimentUnit.bytes, "64 MiB"), (65_536_000, .bytes, "62.5 MiB"), (512, .bytes, "512 B"),
        (1_610_612_736, .bytes, "1.5 GiB"), (0.25, .cores, "250m"), (1, .cores, "1 CPU"), (2, .cores, "2 CPUs"),
        (1.5, .cores, "1500m"), (0.4962, .cores, "496m"), (38.24, .milliseconds, "38.2 ms"),
        (1500, .milliseconds, "1.5 s"), (0.4, .milliseconds, "400 µs"), (12, .percent, "12 %"),
        (1840, .perSecond, "1840/s"),
        (90, .seconds, "90 s"), (3, .count, "3"), (0.5, ExperimentUnit("furlong"), "0.5 furlong"), (0, .bytes, "0 B"),
        (52_428_800, .bytesPerSecond, "50 MiB/s"),
    ])
    func amounts(value: Double, unit: ExperimentUnit, expected: String) {
        #expect(unit.text(value).replacing("\u{A0}", with: " ") == expected)
    }

    @Test func rangesShareAUnit() {
        #expect(ExperimentUnit.bytes.range(62 * 1_048_576, 63 * 1_048_576) == "62–63\u{A0}MiB")
        #expect(ExperimentUnit.cores.range(0.2, 0.5) == "200m–500m")
        #expect(ExperimentUnit.milliseconds.range(3, 3) == "3\u{A0}ms")
    }

    @Test(arguments: [
        (0.0, "0"), (1840.4, "1840"), (12.34, "12.3"), (0.004567, "0.00457"), (-2.5, "-2.5"),
        (1e21, "1000000000000000000000"),
    ])
    func numbers(value: Double, expected: String) { #expect(NumberText.short(value) == expected) }

    @Test(arguments: [(0.04, "0"), (-0.26, "-0.3"), (12.35, "12.4"), (7, "7"), (-3.94, "-3.9")])
    func places(value: Double, expected: String) { #expect(NumberText.tenths(value) == expected) }

    @Test func axesAreLabelledAtRoundValues() {
        var linear = Axis(values: [3, 97], isLogarithmic: false, includesZero: true, start: 0, end: 100)
        linear.labelRoundly(.milliseconds)
        #expect(linear.ticks.map(\.label) == ["0", "20", "40", "60", "80", "100"])
        #expect(linear.symbol == "ms")
        var bytes = Axis(
            values: [16 * 1_048_576, 256 * 1_048_576], isLogarithmic: true, includesZero: false, start: 0, end: 100)
        bytes.labelRoundly(.bytes)
        #expect(bytes.ticks.map(\.label) == ["16", "32", "64", "128", "256"] && bytes.symbol == "MiB")
        #expect(abs(bytes.place(64 * 1_048_576) - 50) < 1e-9)
        var wide = Axis(values: [1024, 1_073_741_824], isLogarithmic: true, includesZero: false, start: 0, end: 100)
        wide.labelRoundly(.bytes)
        #expect(wide.symbol.isEmpty && wide.ticks.allSatisfy { $0.label.hasSuffix("iB") })
    }

    /// Labels of values that lie too close leave room for the ends.
    @Test func crowdedLabelsAreThinnedOut() {
        var axis = Axis(values: [0.1, 1], isLogarithmic: false, includesZero: false, start: 0, end: 100)
        axis.label(at: [0.1, 0.11, 0.5, 0.98, 1], .cores, room: 20)
        #expect(axis.ticks.map(\.label) == ["100m", "500m", "1"])
    }

    @Test func axesOfOneValueHaveAWidth() {
        for isLogarithmic in [true, false] {
            let axis = Axis(values: [5], isLogarithmic: isLogarithmic, includesZero: false, start: 0, end: 100)
            #expect(axis.place(5) > 20 && axis.place(5) < 80)
        }
        let nothing = Axis(values: [], isLogarithmic: true, includesZero: true, start: 0, end: 100)
        #expect(nothing.place(0).isFinite)
    }
}
