public import KubernetesAPI

/// When a signal is too low (kubelet: `eviction/api/types.go`, `Threshold`). All compare with `<`.
public struct EvictionThreshold: Sendable, Hashable {
    /// A quantity, or a share of what there is.
    public enum Amount: Sendable, Hashable {
        case quantity(Quantity)
        /// 0 to 1, of the signal's capacity.
        case share(Double)

        /// In the signal's unit.
        func value(of capacity: Int64) -> Int64 {
            switch self {
            case .quantity(let quantity): quantity.value
            case .share(let share): Int64(Double(capacity) * share)
            }
        }
    }

    public var signal: EvictionSignal
    public var amount: Amount
    /// How long the signal has to be low before pods are evicted; zero for a hard threshold.
    public var gracePeriod: Duration
    /// How far beyond the threshold to go once something is reclaimed.
    public var minimumReclaim: Amount?

    public init(
        _ signal: EvictionSignal, _ amount: Amount, gracePeriod: Duration = .zero, minimumReclaim: Amount? = nil
    ) {
        self.signal = signal
        self.amount = amount
        self.gracePeriod = gracePeriod
        self.minimumReclaim = minimumReclaim
    }

    /// At once, and without the pods' own grace.
    public var isHard: Bool { gracePeriod == .zero }

    /// Whether the signal is below the threshold, or below it and its minimum reclaim together.
    func isMet(_ observed: SignalObservation, withReclaim: Bool = false) -> Bool {
        var wanted = amount.value(of: observed.capacity)
        if withReclaim, let minimumReclaim {
            wanted = wanted.addingReportingOverflow(minimumReclaim.value(of: observed.capacity)).partialValue
        }
        return observed.available < wanted
    }
}
