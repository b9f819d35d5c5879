import KubernetesAPI

/// What a pod's status says about a trial.
enum PodAssessment: Hashable {
    /// Nothing yet.
    case waiting
    /// The container's process runs.
    case running(isReady: Bool)
    case ended(Ending)
    /// It will not run: why.
    case broken(String)
    case gone

    /// How a container ended.
    struct Ending: Hashable {
        var exitCode: Int32
        var isOOMKilled: Bool
        /// In words; empty where there is nothing to say.
        var message: String
    }

    /// - Parameter container: the one that the trial is about.
    init(_ pod: Pod?, container: String) {
        guard let pod else {
            self = .gone
            return
        }
        let status = pod.status.containerStatuses.first { $0.name == container }
        if let ended = status?.state.terminated {
            self = Self.ended(ended)
            return
        }
        if pod.status.phase == .failed {
            let reason = [pod.status.reason, pod.status.message].filter { !$0.isEmpty }.joined(separator: ": ")
            self = .broken(reason.isEmpty ? "the pod failed" : reason)
            return
        }
        if let scheduled = pod.status.conditions.first(where: { $0.type == .podScheduled }), scheduled.status == .false
        {
            self = .broken("\(scheduled.reason): \(scheduled.message)")
            return
        }
        // Any container that cannot start keeps the trial from being what it was meant to be.
        for status in pod.status.initContainerStatuses + pod.status.containerStatuses {
            if let waiting = status.state.waiting, !Self.transient.contains(waiting.reason) {
                self = .broken("\(status.name): \(waiting.reason): \(waiting.message)")
                return
            }
        }
        guard status?.state.running != nil else {
            self = .waiting
            return
        }
        self = .running(isReady: pod.status.conditions.contains { $0.type == .ready && $0.status == .true })
    }

    /// Waiting reasons of a container that is on its way.
    private static let transient: Set<String> = ["", "ContainerCreating", "PodInitializing"]

    private static func ended(_ state: ContainerStateTerminated) -> PodAssessment {
        let isOOMKilled = state.reason == "OOMKilled"
        if state.reason == "StartError" {
            return .broken("the container could not be started: \(state.message)")
        }
        var message = ""
        if isOOMKilled {
            message = state.message
        } else if state.exitCode != 0 {
            message = "exit code \(state.exitCode)" + (state.message.isEmpty ? "" : ": \(state.message)")
        }
        return .ended(Ending(exitCode: state.exitCode, isOOMKilled: isOOMKilled, message: message))
    }
}
