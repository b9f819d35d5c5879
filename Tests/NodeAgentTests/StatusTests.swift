import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// Tables of what is derived from facts.
struct StatusTests {
    private static let second: Int64 = 1_000_000_000

    private enum State { case none, running, notReady, ended(Int32) }

    private static func facts(
        _ pod: Pod, _ states: [String: State], _ change: (inout PodFacts) -> Void = { _ in }
    ) -> PodFacts {
        var facts = PodFacts(pod: pod, startTime: 100 * second, backoffCap: .seconds(300))
        facts.sandbox = .up
        facts.hadSandbox = true
        facts.volumes = .done
        for (name, state) in states {
            var attempt = Attempt(
                number: 0, id: "id", image: "web:1", imageID: "sha256:abc", startedAt: 101 * second, end: nil)
            switch state {
            case .none: continue
            case .running: break
            case .notReady: break
            case .ended(let code):
                attempt.end = Attempt.End(
                    ContainerExit(code: code, signal: 0, finishedAt: 102 * second, oomKilled: false))
            }
            var container = Container.test(name)
            if case .notReady = state { container.readinessProbe = .http() }
            facts.containers[name]?.started(attempt, of: container, at: 101 * second)
        }
        change(&facts)
        facts.advance(now: 103 * second)
        return facts
    }

    private static func status(_ facts: PodFacts, previous: PodStatus = PodStatus()) -> PodStatus {
        PodStatusDerivation(facts: facts, previous: previous, nodeAddresses: ["192.0.2.1"], now: 103 * second).status()
    }

    @Test func howVolumesWereMounted() {
        var pod = Pod.test(containers: ["a", "b"])
        var mount = VolumeMount()
        mount.name = "v"
        mount.mountPath = "/v"
        pod.spec.containers[0].volumeMounts = [mount]
        mount.readOnly = true
        pod.spec.containers[0].volumeMounts.append(mount)
        pod.spec.containers[1].volumeMounts = [mount]
        let statuses = Self.status(Self.facts(pod, ["a": .running])).containerStatuses
        #expect(statuses[0].volumeMounts.map(\.mountPath) == ["/v", "/v"])
        #expect(statuses[0].volumeMounts.map(\.readOnly) == [false, true])
        #expect(statuses[0].volumeMounts.map(\.recursiveReadOnly) == [nil, .disabled])
        #expect(statuses[1].volumeMounts.isEmpty, "it has not been started")
    }

    @Test func phases() {
        let table: [(RestartPolicy, [String: State], PodPhase)] = [
            (.always, [:], .pending),
            (.always, ["a": .running], .pending),
            (.always, ["a": .running, "b": .running], .running),
            (.always, ["a": .running, "b": .ended(1)], .running),
            (.always, ["a": .ended(0), "b": .ended(1)], .running),
            (.onFailure, ["a": .ended(0), "b": .ended(1)], .running),
            (.onFailure, ["a": .ended(0), "b": .ended(0)], .succeeded),
            (.never, ["a": .ended(0), "b": .running], .running),
            (.never, ["a": .ended(0), "b": .ended(0)], .succeeded),
            (.never, ["a": .ended(0), "b": .ended(1)], .failed),
        ]
        for (policy, states, phase) in table {
            let pod = Pod.test(containers: ["a", "b"], policy: policy)
            #expect(Self.status(Self.facts(pod, states)).phase == phase, "\(policy) \(states)")
        }
    }

    @Test func phasesWithInitContainers() {
        let table: [(RestartPolicy, [String: State], PodPhase)] = [
            (.always, [:], .pending), (.always, ["i": .running], .pending), (.always, ["i": .ended(1)], .pending),
            (.never, ["i": .ended(1)], .failed), (.always, ["i": .ended(0)], .pending),
            (.always, ["i": .ended(0), "web": .running], .running),
        ]
        for (policy, states, phase) in table {
            let pod = Pod.test(policy: policy) { $0.spec.initContainers = [.test("i")] }
            #expect(Self.status(Self.facts(pod, states)).phase == phase, "\(policy) \(states)")
        }
    }

    @Test func conditions() {
        let table: [([String: State], PodConditionType, Bool, String, String)] = [
            ([:], .containersReady, false, "ContainersNotReady", "containers with unready status: [a b]"),
            (["a": .running], .ready, false, "ContainersNotReady", "containers with unready status: [b]"),
            (
                ["a": .running, "b": .notReady], .ready, false, "ContainersNotReady",
                "containers with unready status: [b]"
            ),
            (["a": .running, "b": .running], .ready, true, "", ""),
            (["a": .ended(0), "b": .ended(0)], .ready, false, "PodCompleted", ""),
            (["a": .ended(0), "b": .ended(0)], .initialized, true, "PodCompleted", ""),
            (["a": .ended(0), "b": .ended(1)], .containersReady, false, "PodFailed", ""),
            ([:], .initialized, true, "", ""), ([:], .podReadyToStartContainers, true, "", ""),
            (["a": .ended(0), "b": .ended(1)], .podReadyToStartContainers, false, "", ""),
        ]
        for (states, type, isTrue, reason, message) in table {
            let pod = Pod.test(containers: ["a", "b"], policy: .never)
            let condition = Self.status(Self.facts(pod, states)).conditions.first { $0.type == type }
            #expect(condition?.status == (isTrue ? .true : .false), "\(type) \(states)")
            #expect(condition?.reason == reason, "\(type) \(states)")
            #expect(condition?.message == message, "\(type) \(states)")
        }
    }

    @Test func transitionTimesStayWhileNothingChanges() {
        let pod = Pod.test()
        let before = Self.status(Self.facts(pod, [:]))
        var facts = Self.facts(pod, ["web": .running])
        let after = PodStatusDerivation(
            facts: facts, previous: before, nodeAddresses: [], now: 110 * Self.second
        ).status()
        func time(_ status: PodStatus, _ type: PodConditionType) -> Int64? {
            status.conditions.first { $0.type == type }?.lastTransitionTime?.seconds
        }
        #expect(time(after, .ready) == 110)
        #expect(time(after, .podScheduled) == 103)
        // Conditions that are others' business are carried along.
        var other = PodCondition()
        other.type = .disruptionTarget
        other.status = .true
        facts.pod.status.conditions = [other]
        #expect(Self.status(facts).conditions.contains(other))
    }

    @Test func whatContainersWaitFor() {
        #expect(Self.status(Self.facts(.test(), [:])).containerStatuses[0].state.waiting?.reason == "ContainerCreating")
        let initializing = Pod.test { $0.spec.initContainers = [.test("i")] }
        #expect(
            Self.status(Self.facts(initializing, ["i": .running])).containerStatuses[0].state.waiting?.reason
                == "PodInitializing")
        // One that will be started again at once shows how it ended; one that waits shows that.
        let ended = Self.facts(.test(), ["web": .ended(1)])
        #expect(Self.status(ended).containerStatuses[0].state.terminated?.exitCode == 1)
        let looping = Self.facts(.test(), ["web": .ended(1)]) {
            $0.containers["web"]?.backoff.restarted(at: 102 * Self.second, finishedAt: 102 * Self.second)
        }
        let state = Self.status(looping).containerStatuses[0]
        #expect(state.state.waiting?.reason == "CrashLoopBackOff")
        #expect(state.lastState.terminated?.exitCode == 1)
    }

    @Test func aDeletedPodEndsAsItsContainersDid() {
        for (code, phase) in [(0, .succeeded), (143, .failed)] as [(Int32, PodPhase)] {
            let facts = Self.facts(.test(), ["web": .ended(code)]) { $0.requestEnd(.deletion(grace: 30)) }
            #expect(facts.lifecycle == .removing)
            #expect(Self.status(facts).phase == phase)
        }
        // And one whose containers never ran says that.
        let facts = Self.facts(.test(), [:]) { $0.requestEnd(.deletion(grace: 30)) }
        #expect(Self.status(facts).containerStatuses[0].state.terminated?.reason == "ContainerStatusUnknown")
        #expect(Self.status(facts).phase == .failed)
    }

    @Test func lifecycle() {
        let table: [(PodLifecycle, PodLifecycle.Event, PodLifecycle)] = [
            (.active, .workDone, .removing), (.active, .endRequested, .terminating),
            (.terminating, .processesEnded, .removing), (.removing, .removed, .over),
            (.over, .deletionSeen, .deleting), (.over, .objectGone, .gone), (.deleting, .objectGone, .gone),
        ]
        for state in PodLifecycle.allCases {
            for event in PodLifecycle.Event.allCases {
                let next = table.first { $0.0 == state && $0.1 == event }?.2 ?? state
                #expect(state.apply(event) == next, "\(state) \(event)")
            }
        }
    }

    @Test func anEndThatOvertakesItsStartIsKept() {
        var facts = ContainerFacts(backoffCap: .seconds(300))
        facts.isStarting = true
        var attempt = Attempt(number: 0, id: "x", image: "", imageID: "", startedAt: 1, end: nil)
        attempt.end = Attempt.End(ContainerExit(code: 4, signal: 0, finishedAt: 2, oomKilled: false))
        facts.ended(attempt, at: 2)
        #expect(facts.isStarting)
        attempt.end = nil
        facts.started(attempt, of: .test("web"), at: 3)
        #expect(!facts.isStarting && !facts.isRunning && !facts.isReady)
        #expect(facts.end?.code == 4)
        // A second report changes nothing.
        attempt.end = Attempt.End(ContainerExit(code: 9, signal: 0, finishedAt: 5, oomKilled: false))
        facts.ended(attempt, at: 5)
        #expect(facts.end?.code == 4)
    }

    @Test func patchesLeaveNothingBehind() {
        let patch = PodStatusWriter.patch(
            uid: "u", from: ["phase": "Running", "reason": "X"], to: ["phase": "Pending"])
        #expect(patch == ["metadata": ["uid": "u"], "status": ["phase": "Pending", "reason": nil]])
    }
}

struct VocabularyTests {
    @Test func theWordsAreKubernetes() {
        #expect(WaitingReason.containerCreating == "ContainerCreating")
        #expect(WaitingReason.podInitializing == "PodInitializing")
        #expect(WaitingReason.crashLoopBackOff == "CrashLoopBackOff")
        #expect(WaitingReason.errImagePull == "ErrImagePull")
        #expect(WaitingReason.imagePullBackOff == "ImagePullBackOff")
        #expect(WaitingReason.errImageNeverPull == "ErrImageNeverPull")
        #expect(WaitingReason.imageInspectError == "ImageInspectError")
        #expect(WaitingReason.invalidImageName == "InvalidImageName")
        #expect(WaitingReason.createContainerConfigError == "CreateContainerConfigError")
        #expect(WaitingReason.createContainerError == "CreateContainerError")
        #expect(WaitingReason.runContainerError == "RunContainerError")
        #expect(TerminatedReason.completed == "Completed")
        #expect(TerminatedReason.error == "Error")
        #expect(TerminatedReason.oomKilled == "OOMKilled")
        #expect(TerminatedReason.startError == "StartError")
        #expect(TerminatedReason.containerStatusUnknown == "ContainerStatusUnknown")
        #expect(EventReason.pulled == "Pulled")
        #expect(EventReason.failed == "Failed")
        #expect(EventReason.backOff == "BackOff")
        #expect(EventReason.inspectFailed == "InspectFailed")
        #expect(EventReason.errImageNeverPull == "ErrImageNeverPull")
        #expect(EventReason.created == "Created")
        #expect(EventReason.started == "Started")
        #expect(EventReason.killing == "Killing")
        #expect(EventReason.failedPostStartHook == "FailedPostStartHook")
        #expect(EventReason.failedPreStopHook == "FailedPreStopHook")
        #expect(EventReason.hostPortConflict == "HostPortConflict")
        #expect(EventReason.dnsConfigForming == "DNSConfigForming")
        #expect(EventReason.missingClusterDNS == "MissingClusterDNS")
        #expect(EventReason.failedKillPod == "FailedKillPod")
        #expect(EventReason.failedCreatePodSandBox == "FailedCreatePodSandBox")
        #expect(EventReason.failedMount == "FailedMount")
        #expect(EventReason.unhealthy == "Unhealthy")
        #expect(EventReason.probeWarning == "ProbeWarning")
        #expect(EventReason.sandboxChanged == "SandboxChanged")
        #expect(EventReason.starting == "Starting")
        #expect(EventReason.nodeReady == "NodeReady")
        #expect(EventReason.nodeHasSufficientMemory == "NodeHasSufficientMemory")
        #expect(EventReason.nodeHasNoDiskPressure == "NodeHasNoDiskPressure")
        #expect(EventReason.nodeHasInsufficientMemory == "NodeHasInsufficientMemory")
        #expect(EventReason.nodeHasDiskPressure == "NodeHasDiskPressure")
        #expect(EventReason.nodeHasSufficientPID == "NodeHasSufficientPID")
        #expect(EventReason.nodeHasInsufficientPID == "NodeHasInsufficientPID")
        #expect(EventReason.evicted == "Evicted")
        #expect(EventReason.evictionThresholdMet == "EvictionThresholdMet")
        #expect(EventReason.successfulNodeAllocatableEnforcement == "SuccessfulNodeAllocatableEnforcement")
        #expect(EventReason.failedNodeAllocatableEnforcement == "FailedNodeAllocatableEnforcement")
        #expect(ConditionReason.terminationByKubelet == "TerminationByKubelet")
        #expect(PodReason.evicted == "Evicted")
        #expect(NodeReason.insufficientPID == "KubeletHasInsufficientPID")
        #expect(ConditionReason.unknownContainerStatuses == "UnknownContainerStatuses")
        #expect(ConditionReason.podCompleted == "PodCompleted")
        #expect(ConditionReason.podFailed == "PodFailed")
        #expect(ConditionReason.containersNotReady == "ContainersNotReady")
        #expect(ConditionReason.containersNotInitialized == "ContainersNotInitialized")
        #expect(ConditionReason.readinessGatesNotReady == "ReadinessGatesNotReady")
        #expect(PodReason.nodeAffinity == "NodeAffinity" && PodReason.sysctlForbidden == "SysctlForbidden")
        #expect(PodReason.deadlineExceeded == "DeadlineExceeded")
        #expect(NodeReason.kubeletReady == "KubeletReady")
        #expect(NodeReason.sufficientMemory == "KubeletHasSufficientMemory")
        #expect(NodeReason.insufficientMemory == "KubeletHasInsufficientMemory")
        #expect(NodeReason.noDiskPressure == "KubeletHasNoDiskPressure")
        #expect(NodeReason.diskPressure == "KubeletHasDiskPressure")
        #expect(NodeReason.sufficientPID == "KubeletHasSufficientPID")
    }

    @Test(arguments: [(10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s")] as [(Int64, String)])
    func durations(seconds: Int64, text: String) {
        #expect(Wording.goDuration(.seconds(seconds)) == text)
    }
}
