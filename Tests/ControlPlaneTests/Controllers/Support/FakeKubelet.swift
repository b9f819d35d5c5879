import KubernetesAPI

/// Does for bound pods what a node would, as their image says: `good...` becomes ready, `bad...` runs and never does,
/// `crash...` waits in CrashLoopBackOff, `slow...` is ready when the test says so. Pods that are to go, go.
struct FakeKubelet: Sendable {
    let client: APIClient
    let time: TimeSource
    /// Asked before a pod's state changes; lets a test hold it back or shuffle it.
    var pause: @Sendable (Pod) async -> Void = { _ in }

    func run() async {
        let queue = WorkQueue<ObjectKey>(baseDelay: .milliseconds(1), maxDelay: .milliseconds(20))
        let pods = Informer(Pod.self, client: client)
        pods.onChange { change in if let pod = change.object { queue.add(pod.key) } }
        await withDiscardingTaskGroup { group in
            group.addTask { await pods.run() }
            group.addTask {
                await queue.run(workers: 8) { key in
                    guard let pod = pods.cache[key], !pod.spec.nodeName.isEmpty else { return .done }
                    await pause(pod)
                    do {
                        try await bringAbout(pod)
                        return .done
                    } catch {
                        return .failed
                    }
                }
            }
        }
    }

    private func bringAbout(_ pod: Pod) async throws {
        if pod.metadata.deletionTimestamp != nil {
            var options = DeleteOptions()
            options.gracePeriodSeconds = 0
            try await client.delete(Pod.self, pod.metadata.name, namespace: pod.metadata.namespace, options: options)
            return
        }
        guard pod.status.phase.isEmpty || pod.status.phase == .pending else { return }
        let image = pod.spec.containers.first?.image ?? ""
        if image.hasPrefix("slow") { return }
        _ = try await client.updateStatus(Self.running(pod, ready: image.hasPrefix("good"), at: time.now))
    }

    /// The pod as it is when it runs.
    static func running(_ pod: Pod, ready: Bool, at now: Timestamp) -> Pod {
        var pod = pod
        pod.status.phase = .running
        var condition = PodCondition()
        condition.type = .ready
        condition.status = ready ? .true : .false
        condition.lastTransitionTime = now
        pod.status.conditions.removeAll { $0.type == .ready }
        pod.status.conditions.append(condition)
        return pod
    }
}
