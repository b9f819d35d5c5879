/// How long the rest of a run will take, from the trials that have ended.
struct TimeEstimate {
    private var total = Duration.zero
    private var count = 0

    /// The whole time of a trial, from its pod's creation until its pod is gone.
    mutating func add(_ duration: Duration) {
        total += duration
        count += 1
    }

    /// Nil before the first trial has ended.
    func left(trials: Int) -> Duration? { count > 0 ? total / count * trials : nil }
}
