import KubernetesAPI

/// What follows from one look at the signals after the other: the node's conditions, and what has to be reclaimed. Pure;
/// the order of the steps is the kubelet's (`eviction_manager.go`, `synchronize`). Times are durations since any fixed
/// moment.
struct EvictionState: Sendable {
    struct Outcome: Sendable, Hashable {
        /// Which conditions are True.
        var conditions: Set<NodeConditionType> = []
        /// Thresholds whose grace is over, memory's first.
        var due: [EvictionThreshold] = []
    }

    let thresholds: [EvictionThreshold]
    let transitionPeriod: Duration
    /// Due at the last look: they count until their minimum reclaim is reached, too.
    private var reclaiming: [EvictionThreshold] = []
    private var firstMet: [EvictionThreshold: Duration] = [:]
    private var lastTrue: [NodeConditionType: Duration] = [:]

    init(thresholds: [EvictionThreshold], transitionPeriod: Duration) {
        self.thresholds = thresholds
        self.transitionPeriod = transitionPeriod
    }

    /// A signal without an observation meets no threshold.
    mutating func observe(_ signals: [EvictionSignal: SignalObservation], at now: Duration) -> Outcome {
        var met = Self.met(thresholds, signals)
        met += Self.met(reclaiming, signals, withReclaim: true).filter { !met.contains($0) }
        firstMet = Dictionary(met.map { ($0, firstMet[$0] ?? now) }, uniquingKeysWith: { $1 })
        for threshold in met { lastTrue[threshold.signal.condition] = now }
        lastTrue = lastTrue.filter { type, time in
            now - time < transitionPeriod || met.contains { $0.signal.condition == type }
        }
        reclaiming = met.filter { now - (firstMet[$0] ?? now) >= $0.gracePeriod }
        let isMemory = { (threshold: EvictionThreshold) in threshold.signal.resource == .memory }
        return Outcome(
            conditions: Set(lastTrue.keys),
            due: reclaiming.filter(isMemory) + reclaiming.filter { !isMemory($0) })
    }

    /// Whether nothing is too low any more, minimum reclaims included.
    func isRelieved(_ signals: [EvictionSignal: SignalObservation]) -> Bool {
        Self.met(thresholds, signals, withReclaim: true).isEmpty
    }

    private static func met(
        _ thresholds: [EvictionThreshold], _ signals: [EvictionSignal: SignalObservation], withReclaim: Bool = false
    ) -> [EvictionThreshold] {
        thresholds.filter { threshold in
            signals[threshold.signal].map { threshold.isMet($0, withReclaim: withReclaim) } ?? false
        }
    }
}
