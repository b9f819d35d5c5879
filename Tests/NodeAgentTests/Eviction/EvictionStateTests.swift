import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite struct EvictionStateTests {
    private static let mebibyte: Int64 = 1 << 20

    private func memory(_ available: Int64, of capacity: Int64 = 2048) -> [EvictionSignal: SignalObservation] {
        [
            .memoryAvailable: SignalObservation(
                available: available * Self.mebibyte, capacity: capacity * Self.mebibyte)
        ]
    }

    private func state(_ thresholds: EvictionThreshold..., transition: Duration = .seconds(300)) -> EvictionState {
        EvictionState(thresholds: thresholds, transitionPeriod: transition)
    }

    @Test(
        arguments: [
            (.quantity("100Mi"), 99, true), (.quantity("100Mi"), 100, false), (.share(0.1), 204, true),
            (.share(0.1), 205, false), (.quantity("1"), 0, true),
        ] as [(EvictionThreshold.Amount, Int64, Bool)])
    func `a threshold is met below it`(_ amount: EvictionThreshold.Amount, _ available: Int64, _ isMet: Bool) {
        let observed = SignalObservation(available: available * Self.mebibyte, capacity: 2048 * Self.mebibyte)
        #expect(EvictionThreshold(.memoryAvailable, amount).isMet(observed) == isMet)
    }

    @Test func `a hard threshold is due at once, and its condition stays for the transition period`() {
        var state = state(EvictionThreshold(.memoryAvailable, .quantity("100Mi")))
        #expect(state.observe(memory(500), at: .seconds(0)) == .init())
        let low = state.observe(memory(50), at: .seconds(10))
        #expect(low.conditions == [.memoryPressure])
        #expect(low.due.map(\.signal) == [.memoryAvailable])
        let well = state.observe(memory(500), at: .seconds(20))
        #expect(well.due.isEmpty)
        #expect(well.conditions == [.memoryPressure])
        #expect(state.observe(memory(500), at: .seconds(309)).conditions == [.memoryPressure])
        #expect(state.observe(memory(500), at: .seconds(310)).conditions.isEmpty)
    }

    @Test func `without a transition period the condition goes with its cause`() {
        var state = state(EvictionThreshold(.memoryAvailable, .quantity("100Mi")), transition: .zero)
        #expect(state.observe(memory(50), at: .seconds(1)).conditions == [.memoryPressure])
        #expect(state.observe(memory(500), at: .seconds(1)).conditions.isEmpty)
    }

    @Test func `a soft threshold is due after its grace, if it was met all the time`() {
        var state = state(
            EvictionThreshold(.memoryAvailable, .quantity("300Mi"), gracePeriod: .seconds(30)),
            transition: .seconds(15))
        #expect(state.observe(memory(200), at: .seconds(0)).due.isEmpty)
        // The condition does not wait.
        #expect(state.observe(memory(200), at: .seconds(29)).conditions == [.memoryPressure])
        #expect(state.observe(memory(200), at: .seconds(30)).due.count == 1)
        #expect(state.observe(memory(400), at: .seconds(40)).due.isEmpty)
        #expect(state.observe(memory(200), at: .seconds(50)).due.isEmpty)
        #expect(state.observe(memory(200), at: .seconds(79)).due.isEmpty)
        #expect(state.observe(memory(200), at: .seconds(80)).due.count == 1)
    }

    @Test func `the minimum reclaim counts from the first eviction on`() {
        var state = state(
            EvictionThreshold(.memoryAvailable, .quantity("100Mi"), minimumReclaim: .quantity("64Mi")))
        #expect(state.observe(memory(150), at: .seconds(0)).due.isEmpty)
        #expect(state.observe(memory(90), at: .seconds(10)).due.count == 1)
        #expect(state.observe(memory(150), at: .seconds(20)).due.count == 1)
        #expect(!state.isRelieved(memory(150)))
        #expect(state.observe(memory(164), at: .seconds(30)).due.isEmpty)
        #expect(state.isRelieved(memory(164)))
        #expect(state.observe(memory(150), at: .seconds(40)).due.isEmpty)
    }

    @Test func `memory comes before the others, and every condition is told`() {
        var state = state(
            EvictionThreshold(.nodefsAvailable, .share(0.1)), EvictionThreshold(.pidAvailable, .quantity("100")),
            EvictionThreshold(.memoryAvailable, .quantity("100Mi")))
        var signals = memory(50)
        signals[.nodefsAvailable] = SignalObservation(available: 9, capacity: 100)
        signals[.pidAvailable] = SignalObservation(available: 99, capacity: 1000)
        let outcome = state.observe(signals, at: .zero)
        #expect(outcome.due.map(\.signal) == [.memoryAvailable, .nodefsAvailable, .pidAvailable])
        #expect(outcome.conditions == [.memoryPressure, .diskPressure, .pidPressure])
    }

    @Test func `what cannot be observed is not low`() {
        var state = state(EvictionThreshold(.nodefsInodesFree, .share(0.05)))
        #expect(state.observe([:], at: .zero) == .init())
    }

    @Test func `the hard memory threshold is watched below the limit of all pods, too`() {
        var options = PressureOptions()
        options.thresholds = [
            EvictionThreshold(.memoryAvailable, .quantity("100Mi"), minimumReclaim: .quantity("10Mi")),
            EvictionThreshold(.memoryAvailable, .quantity("200Mi"), gracePeriod: .seconds(60)),
        ]
        let added = options.watched.filter { $0.signal == .allocatableMemoryAvailable }
        #expect(
            added == [
                EvictionThreshold(
                    .allocatableMemoryAvailable, .quantity("100Mi"), minimumReclaim: .quantity("10Mi"))
            ])
    }

    @Test func `the machine's memory is read from meminfo`() {
        let text = """
            MemTotal:        2000 kB
            MemFree:          300 kB
            MemAvailable:    1500 kB
            Active(file):     200 kB
            Inactive(file):   400 kB
            SReclaimable:      50 kB
            """
        #expect(MachineMemory(text)?.available == 768_000)
        #expect(MachineMemory(text)?.total == 2_048_000)
        #expect(MachineMemory("MemTotal: 1 kB") == nil)
    }
}
