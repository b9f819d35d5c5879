/// That a pod has to go, though its work is not done.
struct PodEviction: Sendable, Hashable {
    /// `status.message`, and the event's.
    var message: String
    /// Seconds that its processes are given at most.
    var grace: Int64
    /// The node was short of something, so that the pod is a `DisruptionTarget`; false for a pod that exceeded a limit
    /// of its own.
    var isDisruption: Bool
}
