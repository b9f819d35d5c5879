import Testing

@testable import Laboratory

@Suite struct ConditionTests {
    private func holds(_ text: String, _ outcome: TrialOutcome, _ measures: [String: Double] = [:]) throws -> Bool? {
        try Condition(text, measures: ["p99", "memory.peak"]).holds(outcome, measures)
    }

    @Test func outcomesAndMeasures() throws {
        #expect(try holds("outcome == completed", .completed) == true)
        #expect(try holds("outcome == completed", .oomKilled) == false)
        #expect(try holds("outcome != oomKilled", .failed) == true)
        #expect(try holds("p99 <= 20", .completed, ["p99": 20]) == true)
        #expect(try holds("p99<20", .completed, ["p99": 20]) == false)
        #expect(try holds("memory.peak < 64Mi", .completed, ["memory.peak": 67_108_863]) == true)
        #expect(try holds("outcome == completed and p99 <= 20", .completed, ["p99": 30]) == false)
        #expect(try holds("outcome == completed && p99 >= 20", .completed, ["p99": 30]) == true)
    }

    @Test func whatIsNotKnownDoesNotHold() throws {
        #expect(try holds("p99 <= 20", .completed) == false)
        // Killed early, it was quick.
        #expect(try holds("p99 <= 20", .oomKilled, ["p99": 1]) == false)
        #expect(try holds("outcome == oomKilled and p99 <= 20", .oomKilled, ["p99": 1]) == true)
        #expect(try holds("p99 <= 20", .broken, ["p99": 1]) == nil)
    }

    @Test(arguments: [
        "", "p99", "p99 = 3", "speed < 3", "p99 < fast", "outcome > completed", "outcome == broken", "p99 < 1 and",
    ])
    func nonsenseIsRefused(_ text: String) {
        #expect(throws: Condition.Problem.self) { try Condition(text, measures: ["p99"]) }
    }

    @Test func boundsAreTargets() throws {
        let condition = try Condition("outcome == completed and p99 <= 20", measures: ["p99"])
        #expect(condition.bound(of: "p99")?.value == 20)
        #expect(condition.bound(of: "p99")?.direction == .lowerIsBetter)
        #expect(condition.bound(of: "memory.peak") == nil)
        #expect(condition.measures == ["p99"])
    }

    @Test func printedValues() {
        let found = PrintedValues.parse("t=3 throughput_rps=12.5, latency-p99=1e2; name=web x= =3 5=5 broken=1x")
        #expect(found.map(\.key) == ["t", "throughput_rps", "latency-p99", "5"])
        #expect(found.map(\.value) == [3, 12.5, 100, 5])
    }

    @Test(arguments: [
        ("100ms", 100_000), ("1m30s", 90_000_000), ("0", 0), ("1.5s", 1_500_000), ("250us", 250),
    ])
    func times(_ text: String, _ microseconds: Int64) { #expect(DurationText.microseconds(text) == microseconds) }

    @Test(arguments: ["", "5", "s", "5 s", "5d", "-1s", "1s2"])
    func noTimes(_ text: String) { #expect(DurationText.microseconds(text) == nil) }
}
