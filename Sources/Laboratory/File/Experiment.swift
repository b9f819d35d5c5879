public import KubernetesAPI

/// An experiment as its file describes it, checked and complete.
public struct Experiment: Sendable {
    /// A pod that runs beside the workload during each trial.
    public struct Neighbour: Sendable {
        public let name: String
        public let template: PodTemplateSpec
    }

    /// What makes the workload work.
    public enum Load: Sendable {
        /// A container of the workload's pod; the trial ends when it ends.
        case container(name: String)
        /// A process on this machine, started when the pod is ready; the trial ends when it ends. `$(POD_IP)` in its
        /// words is the pod's address.
        case host([String])
    }

    /// A DNS label: the namespace is `experiment-NAME`.
    public let name: String
    public let question: String
    /// With the load's container, where it is one. Its restart policy is `Never`.
    public let template: PodTemplateSpec
    /// The container that is measured, and whose limits factors are about where they name no other.
    public let container: String
    public let factors: [Factor]
    /// At least 1.
    public let repeats: Int
    /// Of the order of trials; nil leaves it to the run.
    public let seed: UInt64?
    /// How long the workload runs; nil where it ends by itself, or when the load ends.
    public let duration: Duration?
    /// What is measured in this time after the start does not count.
    public let warmup: Duration
    /// How long a trial may take from the pod's creation on.
    public let timeout: Duration
    /// Between two samples.
    public let interval: Duration
    public let neighbours: [Neighbour]
    public let load: Load?
    public let measurement: Measurement
    /// `sha256:` and the digest of the file and of those that it refers to.
    public let digest: String

    public var namespace: String { "experiment-\(name)" }

    var bisection: (index: Int, range: BisectionRange)? {
        for (index, factor) in factors.enumerated() {
            if case .bisection(let range) = factor.levels { return (index, range) }
        }
        return nil
    }
}
