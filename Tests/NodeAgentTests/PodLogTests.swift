import KubernetesAPI
import Testing

@testable import NodeAgent

struct PodLogTests {
    private func pod(_ containers: [String], inits: [String] = [], _ states: [String: ContainerState] = [:]) -> Pod {
        var pod = Pod.test(containers: containers) { $0.spec.initContainers = inits.map { .test($0) } }
        pod.status.containerStatuses = states.map { name, state in
            var status = KubernetesAPI.ContainerStatus()
            status.name = name
            status.state = state
            status.restartCount = 3
            return status
        }
        return pod
    }

    private func waiting(_ reason: String) -> ContainerState {
        var state = ContainerState()
        state.waiting = ContainerStateWaiting()
        state.waiting?.reason = reason
        return state
    }

    private var running: ContainerState {
        var state = ContainerState()
        state.running = ContainerStateRunning()
        return state
    }

    private func query(_ change: (inout PodLogQuery) -> Void = { _ in }) -> PodLogQuery {
        var query = PodLogQuery()
        change(&query)
        return query
    }

    private func message(_ pod: Pod, _ query: PodLogQuery) -> String? {
        do {
            _ = try PodLog(pod, options: query)
            return nil
        } catch {
            #expect(error.code == 400)
            return error.description
        }
    }

    @Test func choosesTheContainer() throws {
        #expect(try PodLog(pod(["a"], ["a": running]), options: query()).container == "a")
        #expect(
            message(pod(["a", "b"], ["a": running]), query())
                == "a container name must be specified for pod web, choose one of: [a b]")
        #expect(
            message(pod(["a", "b"], inits: ["i"], ["a": running]), query())
                == "a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [i]"
        )
        #expect(message(pod(["a"]), query { $0.container = "x" }) == "container x is not valid for pod web")
        var preferred = pod(["a", "b"], ["b": running])
        preferred.metadata.annotations["kubectl.kubernetes.io/default-container"] = "b"
        #expect(try PodLog(preferred, options: query()).container == "b")
    }

    @Test func choosesTheAttempt() throws {
        let log = try PodLog(pod(["a"], ["a": running]), options: query())
        #expect(log.attempt == 3 && log.isRunning)
        #expect(log.path(root: "/logs") == "/logs/default_web_uid-web/a/3.log")
        var restarted = pod(["a"], ["a": running])
        #expect(
            message(restarted, query { $0.previous = true })
                == "previous terminated container \"a\" in pod \"web\" not found")
        restarted.status.containerStatuses[0].lastState.terminated = ContainerStateTerminated()
        #expect(try PodLog(restarted, options: query { $0.previous = true }).attempt == 2)
        // In a crash loop the last attempt is both the present and the previous one.
        restarted.status.containerStatuses[0].state = waiting("CrashLoopBackOff")
        #expect(try PodLog(restarted, options: query { $0.previous = true }).attempt == 3)
        #expect(try PodLog(restarted, options: query()).attempt == 3)
    }

    @Test(arguments: [
        ("ContainerCreating", "ContainerCreating"), ("PodInitializing", "PodInitializing"),
        ("ErrImagePull", "image can't be pulled"), ("ImagePullBackOff", "trying and failing to pull image"),
    ])
    func saysWhatAContainerWaitsFor(reason: String, words: String) {
        #expect(
            message(pod(["a"], ["a": waiting(reason)]), query())
                == "container \"a\" in pod \"web\" is waiting to start: \(words)")
    }
}
