import KubernetesAPI
import PodRuntime

/// One change of a cgroup of a pod that is up.
enum ResourceStep: Sendable, Hashable {
    case pod(CgroupResources)
    case container(String, CgroupResources)

    /// Whose cgroup it is, for messages.
    var owner: String {
        switch self {
        case .pod: "pod"
        case .container(let name, _): "container \"\(name)\""
        }
    }
}

/// How a change of a pod's resources stands (KEP-1287, "Resize Status").
struct PodResize: Sendable, Hashable {
    /// It cannot be allocated: `PodResizePending`.
    struct Pending: Sendable, Hashable {
        /// `Deferred` or `Infeasible`.
        var reason: String
        var message: String
        var generation: Int64
        var wanted: PodAllocation
    }

    /// It is allocated and not everywhere yet: `PodResizeInProgress`.
    struct Progress: Sendable, Hashable {
        var generation: Int64
        /// Why it does not go on.
        var error: String?
    }

    var pending: Pending?
    var progress: Progress?
    /// The allocation is on disk; before that nothing is changed.
    var isSaved = true
    /// There is a file of it.
    var isStored = false
    /// Cgroups are being changed, or the allocation is being saved.
    var isBusy = false
    /// The last change that failed, told once.
    var lastError: String?
    var retry = RetryDelay(first: .seconds(1), cap: .seconds(30))
    var retryAt: Int64 = 0
}

extension PodFacts {
    /// The pod with what it was given in the place of what it asks for.
    var allocatedPod: Pod { allocation.applied(to: pod) }

    /// A new allocation counts from here on.
    mutating func allocate(_ allocation: PodAllocation) {
        self.allocation = allocation
        resize.pending = nil
        resize.progress = PodResize.Progress(generation: pod.metadata.generation, error: nil)
        resize.lastError = nil
        resize.isSaved = false
        resize.retry.reset()
        resize.retryAt = 0
        // What the containers are told of their limits in files is written anew.
        if volumes == .done, PodVolumes.needRefresh(pod) { volumes = .due }
    }

    /// A container that has to be restarted for its new resources, as its resizePolicy says.
    private func needsRestart(_ container: Container) -> Bool {
        guard let present = facts(container.name).latest?.requirements,
            let wanted = allocation.containers[container.name], present != wanted
        else { return false }
        if pod.spec.restartPolicy == .never, !container.isSidecar { return false }
        return container.resizePolicy.contains { policy in
            guard policy.restartPolicy == .restartContainer else { return false }
            let name = policy.resourceName.rawValue
            if present.limits[name] != wanted.limits[name] { return true }
            // A request for memory is nothing that the container could see.
            return name == "cpu" && present.requests[name] != wanted.requests[name]
        }
    }

    /// What has to be done so that every cgroup has what it should, in the order in which it may be done: what the pod
    /// allows grows before its containers and shrinks after them; containers that give go before those that take.
    var resourceChanges: (steps: [ResourceStep], restarts: [String]) {
        guard sandbox == .up, let present = appliedPod else { return ([], []) }
        var inPlace: [(name: String, resources: CgroupResources, isTighter: Bool)] = []
        var restarts: [String] = []
        for container in pod.spec.initContainers + pod.spec.containers {
            let facts = facts(container.name)
            guard facts.isRunning, let wanted = desired.containers[container.name] else { continue }
            if needsRestart(container) {
                restarts.append(container.name)
            } else if facts.latest?.resources != wanted {
                inPlace.append(
                    (container.name, wanted, facts.latest?.resources.map { wanted.isTighter(than: $0) } ?? false))
            }
        }
        let isAnyoneBehind = !restarts.isEmpty || containers.values.contains { $0.isStarting || $0.isResizeRestart }
        let loose = present.loosened(towards: desired.pod)
        let first = inPlace.isEmpty && !isAnyoneBehind ? desired.pod : loose
        let last = isAnyoneBehind ? loose : desired.pod
        var steps: [ResourceStep] = []
        if first != present { steps.append(.pod(first)) }
        steps += inPlace.filter(\.isTighter).map { .container($0.name, $0.resources) }
        steps += inPlace.filter { !$0.isTighter }.map { .container($0.name, $0.resources) }
        if last != first { steps.append(.pod(last)) }
        return (steps, restarts)
    }

    /// Every cgroup that is there has what was allocated.
    var isResizeDone: Bool {
        guard resize.isSaved, !resize.isBusy, sandbox != .starting, sandbox != .replacing else { return false }
        guard !containers.values.contains(where: { $0.isStarting || $0.isResizeRestart }) else { return false }
        let changes = resourceChanges
        return changes.steps.isEmpty && changes.restarts.isEmpty
    }

    /// Requests and limits that no file of a cgroup comes from are in force, too.
    mutating func settleResources() {
        for (name, resources) in allocation.containers
        where containers[name]?.isRunning == true && containers[name]?.latest?.requirements != resources {
            containers[name]?.latest?.requirements = resources
        }
        actuatedPod = allocation.pod
    }

    func planResources(_ plan: inout PodPlan, _ now: Int64) {
        guard !resize.isBusy else { return }
        if !resize.isSaved {
            if resize.retryAt > now {
                plan.wake(at: resize.retryAt, after: now)
            } else {
                plan.operations.append(.saveAllocation(allocation))
            }
            return
        }
        let changes = resourceChanges
        let grace = pod.spec.terminationGracePeriodSeconds ?? 30
        for container in pod.spec.initContainers + pod.spec.containers where changes.restarts.contains(container.name) {
            planRestart(of: container, .resize, grace: grace, &plan, now)
        }
        guard !changes.steps.isEmpty else { return }
        if resize.retryAt > now {
            plan.wake(at: resize.retryAt, after: now)
        } else {
            plan.operations.append(.changeResources(changes.steps))
        }
    }

    /// Cgroups were changed, in this order.
    mutating func changed(_ steps: [ResourceStep]) {
        for step in steps {
            switch step {
            case .pod(let resources): appliedPod = resources
            case .container(let name, let resources):
                guard containers[name]?.isRunning == true else { continue }
                containers[name]?.latest?.resources = resources
                guard resources == desired.containers[name] else { continue }
                let own = allocation.containers[name]
                containers[name]?.latest?.requirements = own
            }
        }
    }
}
