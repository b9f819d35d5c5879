import Foundation
import Testing

@testable import Laboratory

@Suite struct PlanTests {
    private func experiment(_ vary: String, repeats: Int = 2) throws -> Experiment {
        let text = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: test}
            spec:
              question: Does it work?
              template: {spec: {containers: [{name: main, image: workload}]}}
              repeat: \(repeats)
              vary: \(vary)
            """
        return try ExperimentFile.parse(Array(text.utf8), folder: "/")
    }

    private func trial(
        _ experiment: Experiment, _ planned: TrialPlan.Planned, id: Int, _ outcome: TrialOutcome = .completed
    ) -> ExperimentTrial {
        ExperimentTrial(
            id: id, values: Dictionary(uniqueKeysWithValues: zip(experiment.factors.map(\.name), planned.values)),
            repeatNumber: planned.repeatNumber, order: id, start: Date(timeIntervalSince1970: 0),
            end: Date(timeIntervalSince1970: 1), outcome: outcome,
            holds: experiment.bisection.flatMap { $0.range.condition.holds(outcome, [:]) })
    }

    /// Runs a plan to its end; `outcome` says how each trial comes out.
    private func run(
        _ plan: TrialPlan, from known: [ExperimentTrial] = [], limit: Int = 500,
        _ outcome: (TrialPlan.Planned) -> TrialOutcome = { _ in .completed }
    ) -> [ExperimentTrial] {
        var trials = known
        while let planned = plan.next(after: trials), trials.count < limit {
            trials.append(trial(plan.experiment, planned, id: trials.count + 1, outcome(planned)))
        }
        return trials
    }

    // MARK: Full factorial

    @Test func everyCombinationIsTriedAsOftenAsAsked() throws {
        let experiment = try experiment(
            "[{knob: memory.max, values: [16Mi, 32Mi, 64Mi]}, {env: COUNT, values: [1, 2]}]", repeats: 4)
        let plan = TrialPlan(experiment: experiment, seed: 1)
        #expect(plan.count == 24)
        #expect(plan.remaining(after: []) == 24)
        let trials = run(plan)
        #expect(trials.count == 24)
        let combinations = Dictionary(grouping: trials) { $0.values }
        #expect(combinations.count == 6)
        for (_, repeats) in combinations { #expect(Set(repeats.map(\.repeatNumber)) == [1, 2, 3, 4]) }
    }

    @Test func theOrderIsTheSeeds() throws {
        let experiment = try experiment("[{env: COUNT, range: {from: 1, to: 20, step: 1}}]")
        func order(_ seed: UInt64) -> [ExperimentValue?] {
            run(TrialPlan(experiment: experiment, seed: seed)).map { $0.values["COUNT"] }
        }
        #expect(order(5) == order(5))
        #expect(order(5) != order(6))
        #expect(order(5) != order(5).sorted { ($0?.number ?? 0) < ($1?.number ?? 0) })
        // The same on every machine and with every version of the library.
        var generator = SeededGenerator(seed: 42)
        #expect(generator.shuffle([1, 2, 3, 4, 5, 6, 7, 8]) == [4, 2, 7, 3, 5, 1, 8, 6])
    }

    @Test func anInterruptedRunGoesOnWhereItStopped() throws {
        let experiment = try experiment("[{env: COUNT, range: {from: 1, to: 10, step: 1}}]")
        let plan = TrialPlan(experiment: experiment, seed: 9)
        let whole = run(plan)
        let resumed = run(TrialPlan(experiment: experiment, seed: 9), from: Array(whole.prefix(7)))
        #expect(resumed == whole)
        #expect(plan.remaining(after: Array(whole.prefix(7))) == 13)
    }

    @Test func aBrokenTrialIsNotRunAgain() throws {
        let experiment = try experiment("[{env: COUNT, values: [1, 2]}]")
        #expect(run(TrialPlan(experiment: experiment, seed: 1)) { _ in .broken }.count == 4)
    }

    @Test func timeLeftIsFromTheTrialsThatEnded() {
        var estimate = TimeEstimate()
        #expect(estimate.left(trials: 3) == nil)
        estimate.add(.seconds(2))
        estimate.add(.seconds(4))
        #expect(estimate.left(trials: 3) == .seconds(9))
        #expect(estimate.left(trials: 0) == .zero)
        #expect(DurationText.words(.seconds(200)) == "3 min 20 s")
    }

    // MARK: Bisection

    private static let mebibyte = 1_048_576.0
    private func search(
        _ options: String = "", repeats: Int = 2, others: String = ""
    ) throws -> Experiment {
        try experiment(
            "[{knob: memory.max, bisect: {from: 4Mi, to: 512Mi, tolerance: 1Mi, for: outcome == completed\(options)}}\(others)]",
            repeats: repeats)
    }

    private func bytes(_ planned: TrialPlan.Planned) -> Double { planned.values[0].number ?? 0 }

    @Test(arguments: [5.0, 17.3, 48.4, 200, 511.5])
    func aThresholdIsFoundToTheTolerance(_ threshold: Double) throws {
        let plan = TrialPlan(experiment: try search(), seed: 3)
        let trials = run(plan) { bytes($0) >= threshold * Self.mebibyte ? .completed : .oomKilled }
        guard case .found(let value, let fails?) = plan.answers(trials)[0].step else {
            Issue.record("\(plan.answers(trials))")
            return
        }
        #expect(value >= threshold * Self.mebibyte && fails < threshold * Self.mebibyte)
        #expect(value - fails <= Self.mebibyte)
        // Memory is counted in pages.
        #expect(trials.allSatisfy { ($0.values["memory.max"]?.number ?? 1).truncatingRemainder(dividingBy: 4096) == 0 })
        // Both ends and nine halvings of 508 MiB, twice each, and one confirmation.
        #expect(trials.count <= 2 * 11 + 1, "\(trials.count)")
    }

    @Test func endsThatDecideAreTold() throws {
        let plan = TrialPlan(experiment: try search(), seed: 3)
        let never = run(plan) { _ in .oomKilled }
        #expect(plan.answers(never)[0].step == .neverHolds)
        #expect(never.count == 4)
        let always = run(plan) { _ in .completed }
        #expect(plan.answers(always)[0].step == .found(4 * Self.mebibyte, fails: nil))
    }

    @Test func oneFailureCountsWhereAllHaveToHold() throws {
        // At and above 100 MiB one of three trials fails; from 200 MiB on none does.
        func outcome(_ planned: TrialPlan.Planned) -> TrialOutcome {
            switch bytes(planned) / Self.mebibyte {
            case ..<100: .oomKilled
            case ..<200: planned.repeatNumber % 3 == 2 ? .oomKilled : .completed
            default: .completed
            }
        }
        let strict = TrialPlan(experiment: try search(repeats: 3), seed: 1)
        let lenient = TrialPlan(experiment: try search(", holds: most", repeats: 3), seed: 1)
        guard case .found(let all, _) = strict.answers(run(strict, outcome))[0].step,
            case .found(let most, _) = lenient.answers(run(lenient, outcome))[0].step
        else {
            Issue.record("no answer")
            return
        }
        #expect(abs(all / Self.mebibyte - 200) <= 1)
        #expect(abs(most / Self.mebibyte - 100) <= 1)
    }

    @Test func theAnswerHasToHoldOnceMore() throws {
        // Below 300 MiB a value holds twice and then fails: only the confirmation sees it.
        let plan = TrialPlan(experiment: try search(", confirm: 1"), seed: 1)
        let trials = run(plan) { planned in
            switch bytes(planned) / Self.mebibyte {
            case ..<100: .oomKilled
            case ..<300: planned.repeatNumber > 2 ? .oomKilled : .completed
            default: .completed
            }
        }
        guard case .found(let value, _) = plan.answers(trials)[0].step else {
            Issue.record("no answer after \(trials.count) trials")
            return
        }
        #expect(value >= 299 * Self.mebibyte)
    }

    @Test func aHoleAboveTheThresholdMovesTheAnswerUp() throws {
        // Known: it holds at 64, fails at 128, holds at 256. The answer has to be above 128.
        let range = BisectionRange(
            lowest: 4, highest: 512, tolerance: .absolute(1),
            condition: try Condition("outcome == completed", measures: []), quorum: .all, confirmations: 0)
        let search = Bisection(range: range, repeats: 1) { $0.rounded() }
        let votes: [Double: Bisection.Votes] = [
            4: .init(fails: 1), 64: .init(holds: 1), 128: .init(fails: 1), 256: .init(holds: 1), 512: .init(holds: 1),
        ]
        #expect(search.next(votes) == .test(192, times: 1))
    }

    @Test func brokenTrialsSayNothingAndAreRepeatedSomeTimes() throws {
        let plan = TrialPlan(experiment: try search(), seed: 3)
        let flaky = run(plan) { planned in
            planned.repeatNumber == 1 ? .broken : bytes(planned) >= 48 * Self.mebibyte ? .completed : .oomKilled
        }
        guard case .found(let value, _) = plan.answers(flaky)[0].step else {
            Issue.record("no answer")
            return
        }
        #expect(abs(value / Self.mebibyte - 48.5) <= 1)
        let hopeless = run(plan) { _ in .broken }
        #expect(plan.answers(hopeless)[0].step == .givenUp(512 * Self.mebibyte))
        #expect(hopeless.count == Bisection.patience + 1)
    }

    @Test func eachCombinationHasASearchOfItsOwn() throws {
        let experiment = try search(others: ", {env: SIZE, values: [24, 48]}")
        let plan = TrialPlan(experiment: experiment, seed: 3)
        let trials = run(plan) { planned in
            bytes(planned) >= ((planned.values[1].number ?? 0) + 2) * Self.mebibyte ? .completed : .oomKilled
        }
        let found = plan.answers(trials).map { answer -> Double? in
            if case .found(let value, _) = answer.step { return value / Self.mebibyte }
            return nil
        }
        #expect(found.count == 2)
        #expect(abs((found[0] ?? 0) - 26.5) <= 1 && abs((found[1] ?? 0) - 50.5) <= 1)
        // They take turns.
        let sizes = trials.map { $0.values["SIZE"] }
        #expect(zip(sizes, sizes.dropFirst()).count { $0 != $1 } > 4)
    }

    @Test func aSearchGoesOnWhereItStopped() throws {
        let experiment = try search()
        let plan = TrialPlan(experiment: experiment, seed: 3)
        func outcome(_ planned: TrialPlan.Planned) -> TrialOutcome {
            bytes(planned) >= 48 * Self.mebibyte ? .completed : .oomKilled
        }
        let whole = run(plan, outcome)
        let resumed = run(TrialPlan(experiment: experiment, seed: 3), from: Array(whole.prefix(9)), outcome)
        #expect(resumed == whole)
        // The estimate is of the right size all the way, and ends at nothing.
        for count in 0...whole.count {
            let estimate = plan.remaining(after: Array(whole.prefix(count)))
            #expect(abs(estimate - (whole.count - count)) <= 5, "\(count): \(estimate)")
        }
        #expect(plan.remaining(after: whole) == 0)
    }
}
