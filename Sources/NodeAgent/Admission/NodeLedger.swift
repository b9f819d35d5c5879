import KubernetesAPI
import PodRuntime
import Synchronization

/// What the node has promised to which pod: requests and CPUs, and the resizes that wait for room (kubelet:
/// `pkg/kubelet/allocation`). Every decision is one short critical section, so that two pods never get the same.
final class NodeLedger: Sendable {
    /// What becomes of a resize.
    enum Decision: Sendable, Hashable {
        case granted
        /// It may fit when another pod ends or shrinks; it is looked at again then.
        case deferred(message: String)
        /// It never fits this node.
        case infeasible(message: String)
    }

    private struct Claim {
        /// As it was allocated.
        var pod: Pod { didSet { share = PodShare(pod.spec) } }
        private(set) var share: PodShare
        /// Also what a resize takes away and the containers still have.
        var requests: [String: Quantity]
        var inbox: PodInbox?
        /// A resize that waits.
        var wanted: Pod?
        /// In the order in which resizes began to wait.
        var waitsSince = 0

        init(_ pod: Pod) {
            self.pod = pod
            share = PodShare(pod.spec)
            requests = pod.spec.effectiveRequests
        }
    }

    private struct State {
        var claims: [String: Claim] = [:]
        var cpus: CPUManager?
        var nextWait = 0
    }

    let admission: NodeAdmission
    let translation: CgroupTranslation
    private let state: Mutex<State>
    /// Rung when the sum of what was promised has changed.
    let changes: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// - Parameter cpus: nil without a CPU policy.
    init(admission: NodeAdmission, translation: CgroupTranslation, cpus: CPUManager? = nil) {
        self.admission = admission
        self.translation = translation
        state = Mutex(State(cpus: cpus))
        (changes, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        ring.yield()
    }

    // MARK: Pods

    /// Takes a pod in, or says why not.
    /// - Parameter isKnown: it was let in once, and stays.
    func admit(_ pod: Pod, isKnown: Bool) -> NodeAdmission.Rejection? {
        let rejection = state.withLock { state -> NodeAdmission.Rejection? in
            let uid = pod.metadata.uid
            if !isKnown {
                let others = state.claims.filter { $0.key != uid }.map(\.value.requests)
                if let rejection = admission.rejection(of: pod, others: others) { return rejection }
            }
            do throws(CPUManager.Shortage) {
                try Self.assign(pod, &state)
            } catch {
                if !isKnown {
                    return NodeAdmission.Rejection(
                        reason: PodReason.unexpectedAdmissionError, problem: error.description)
                }
            }
            state.claims[uid] = Claim(pod)
            return nil
        }
        if rejection == nil { ring.yield() }
        return rejection
    }

    /// Takes the CPUs that a pod's containers have already, before any pod is admitted.
    /// - Parameter present: `cpuset.cpus` by container.
    func restore(_ pod: Pod, present: [String: String]) {
        state.withLock { $0.cpus?.restore(pod, present: present) }
    }

    /// Where news for a pod go: a resize that was granted later, a change of the shared CPUs.
    func attach(_ inbox: PodInbox, to uid: String) { state.withLock { $0.claims[uid]?.inbox = inbox } }

    /// The pod needs nothing any more. Resizes that waited for room are looked at again.
    func release(_ uid: String) {
        let wasThere = state.withLock { state in
            guard state.claims.removeValue(forKey: uid) != nil else { return false }
            if let cpus = state.cpus, cpus.hasExclusiveCPUs(uid) {
                state.cpus?.release(uid)
                Self.tellOfCPUs(state)
            }
            retry(&state)
            return true
        }
        if wasThere { ring.yield() }
    }

    // MARK: Resizes

    /// - Parameter pod: as its spec asks for it now.
    func resize(_ pod: Pod) -> Decision {
        let decision = state.withLock { state -> Decision in
            let uid = pod.metadata.uid
            state.claims[uid]?.wanted = nil
            if let decision = check(pod, state) {
                if case .deferred = decision {
                    state.nextWait += 1
                    state.claims[uid]?.wanted = pod
                    state.claims[uid]?.waitsSince = state.nextWait
                }
                return decision
            }
            take(pod, &state)
            return .granted
        }
        if decision == .granted { ring.yield() }
        return decision
    }

    /// The pod's spec asks for what it has.
    func withdraw(_ uid: String) { state.withLock { $0.claims[uid]?.wanted = nil } }

    /// The pod's containers have what was allocated, and no more: what a resize took away is free from here on.
    func settle(_ uid: String) {
        state.withLock { state in
            guard let claim = state.claims[uid] else { return }
            let requests = claim.pod.spec.effectiveRequests
            guard requests != claim.requests else { return }
            state.claims[uid]?.requests = requests
            retry(&state)
        }
    }

    /// Nil where it can be granted.
    private func check(_ pod: Pod, _ state: State) -> Decision? {
        guard let claim = state.claims[pod.metadata.uid] else { return .deferred(message: "the pod is not admitted") }
        if state.cpus != nil, pod.spec.qosClass == .guaranteed, Self.changesCPU(claim.pod, pod) {
            return .infeasible(
                message: "Resize is infeasible for Guaranteed Pods alongside CPU Manager policy \"static\"")
        }
        if let problem = admission.infeasibility(of: pod) { return .infeasible(message: problem) }
        let others = state.claims.filter { $0.key != pod.metadata.uid }.map(\.value.requests)
        return admission.rejection(of: pod, others: others).map { .deferred(message: $0.problem) }
    }

    private static func changesCPU(_ before: Pod, _ after: Pod) -> Bool {
        func requests(_ pod: Pod) -> [Quantity] {
            (pod.spec.initContainers + pod.spec.containers).map { $0.resources.requests["cpu"] ?? "0" }
        }
        return requests(before) != requests(after)
    }

    private func take(_ pod: Pod, _ state: inout State) {
        let uid = pod.metadata.uid
        // Until the containers have it, the old amount counts where it is more.
        let requests = pod.spec.effectiveRequests.merging(state.claims[uid]?.requests ?? [:]) { max($0, $1) }
        state.claims[uid]?.pod = pod
        state.claims[uid]?.wanted = nil
        state.claims[uid]?.requests = requests
    }

    /// Looks at the resizes that wait: those that ask for no more first, then by priority, class and time (kubelet:
    /// `sortPendingResizes`).
    private func retry(_ state: inout State) {
        let waiting = state.claims.values.filter { $0.wanted != nil }.sorted { Self.isBefore($0, $1) }
        for claim in waiting {
            guard let wanted = claim.wanted, check(wanted, state) == nil else { continue }
            take(wanted, &state)
            claim.inbox?.post(.resizeGranted(PodAllocation(wanted.spec)))
        }
    }

    private static func isBefore(_ left: Claim, _ right: Claim) -> Bool {
        func key(_ claim: Claim) -> (Int, Int32, Int, Int) {
            let wanted = claim.wanted?.spec.effectiveRequests ?? [:]
            let isMore = ["cpu", "memory"].contains { (wanted[$0] ?? "0") > (claim.requests[$0] ?? "0") }
            return (
                isMore ? 1 : 0, -(claim.pod.spec.priority ?? 0), claim.pod.spec.qosClass == .guaranteed ? 0 : 1,
                claim.waitsSince
            )
        }
        return key(left) < key(right)
    }

    // MARK: CPUs

    private static func assign(_ pod: Pod, _ state: inout State) throws(CPUManager.Shortage) {
        guard var cpus = state.cpus else { return }
        let shared = cpus.shared
        try cpus.assign(pod)
        state.cpus = cpus
        if cpus.shared != shared { tellOfCPUs(state) }
    }

    private static func tellOfCPUs(_ state: State) {
        for claim in state.claims.values { claim.inbox?.post(.cpusChanged) }
    }

    /// What the cgroups of a pod should have now.
    /// - Parameter pod: as it is allocated.
    func cgroups(of pod: Pod) -> PodCgroups {
        let uid = pod.metadata.uid
        let cpus = state.withLock { $0.cpus }
        var result = PodCgroups(pod: translation.pod(pod, hasExclusiveCPUs: cpus?.hasExclusiveCPUs(uid) ?? false))
        for container in pod.spec.initContainers + pod.spec.containers {
            result.containers[container.name] = translation.container(
                container, of: pod, cpus: cpus?.assignment(of: container.name, in: uid))
        }
        return result
    }

    // MARK: Levels

    /// What the cgroups above the pods' should have now.
    var levels: [QualityOfService: CgroupResources] {
        translation.levels(state.withLock { $0.claims.values.map(\.share) })
    }
}

/// What a pod's cgroups have, or should have.
struct PodCgroups: Sendable, Hashable {
    var pod = CgroupResources()
    /// By container.
    var containers: [String: CgroupResources] = [:]
}
