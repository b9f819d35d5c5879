import KubernetesAPI
import Testing

@testable import Laboratory

@Suite struct TrialPodsTests {
    private func experiment(_ vary: String, container: String = "") throws -> Experiment {
        let text = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: test}
            spec:
              question: Does it work?
              template:
                spec:
                  containers:
                  - {name: main, image: workload, args: ["$(SIZE)"]\(container)}
              neighbours:
              - {name: noisy, template: {spec: {containers: [{name: spin, image: workload}]}}}
              vary: \(vary)
            """
        return try ExperimentFile.parse(Array(text.utf8), folder: "/")
    }

    /// The workload with every factor's first value.
    private func pod(_ vary: String, container: String = "") throws -> Pod {
        let experiment = try experiment(vary, container: container)
        return TrialPods(experiment).workload(experiment.factors.map { $0.values[0] }, trial: 3)
    }

    @Test func aPodIsNamedAfterItsTrial() throws {
        let pod = try pod("[{knob: memory.max, values: [64Mi]}]")
        #expect(pod.metadata.name == "trial-3")
        #expect(pod.metadata.namespace == "experiment-test")
        #expect(pod.metadata.labels == ["minikube-lite/experiment": "test", "minikube-lite/trial": "3"])
        #expect(pod.spec.restartPolicy == .never)
    }

    @Test func memoryIsAFieldAndLowersTheRequest() throws {
        let pod = try pod(
            "[{knob: memory.max, values: [64Mi]}]", container: ", resources: {requests: {memory: 128Mi}}")
        #expect(pod.spec.containers[0].resources.limits == ["memory": "64Mi"])
        #expect(pod.spec.containers[0].resources.requests == ["memory": "64Mi"])
    }

    @Test func maxTakesTheLimitAwayAndKeepsTheShare() throws {
        let pod = try pod("[{knob: cpu.max, values: [max]}]", container: ", resources: {limits: {cpu: 500m}}")
        #expect(pod.spec.containers[0].resources.limits == [:])
        #expect(pod.spec.containers[0].resources.requests == ["cpu": "500m"])
    }

    @Test func noneLeavesThePodAsItIs() throws {
        let pod = try pod("[{knob: memory.max, values: [none]}]", container: ", resources: {limits: {memory: 1Gi}}")
        #expect(pod.spec.containers[0].resources.limits == ["memory": "1Gi"])
    }

    @Test func aPeriodTurnsTheQuotaIntoAnAnnotation() throws {
        // The period stands first: the order of the factors must not count.
        let pod = try pod("[{knob: cpu.max.period, values: [20ms]}, {knob: cpu.max, values: [250m]}]")
        #expect(pod.metadata.annotations == ["main.cgroup.minikube-lite/cpu.max": "5000 20000"])
        #expect(pod.spec.containers[0].resources.limits == [:])
        #expect(pod.spec.containers[0].resources.requests == ["cpu": "250m"])
    }

    @Test func otherFilesAreAnnotations() throws {
        let pod = try pod(
            "[{knob: memory.high, values: [48Mi]}, {knob: pids.max, pod: true, values: [50]}, {knob: cpu.idle, values: [true]}]"
        )
        #expect(
            pod.metadata.annotations == [
                "main.cgroup.minikube-lite/memory.high": "50331648", "cgroup.minikube-lite/pids.max": "50",
                "main.cgroup.minikube-lite/cpu.idle": "1",
            ])
    }

    @Test func limitsOfADeviceAreJoined() throws {
        let pod = try pod(
            """
            [{knob: io.max, device: "8:0", limit: wbps, values: [1Mi]}, \
            {knob: io.max, device: "8:0", limit: riops, values: [100]}]
            """)
        #expect(pod.metadata.annotations == ["main.cgroup.minikube-lite/io.max": "8:0 wbps=1048576 riops=100"])
    }

    @Test func variablesAndNeighbours() throws {
        let experiment = try experiment(
            "[{env: SIZE, values: [24]}, {knob: cpu.weight, neighbour: noisy, pod: true, values: [400]}]")
        let values = experiment.factors.map { $0.values[0] }
        let pods = TrialPods(experiment)
        #expect(pods.workload(values, trial: 1).spec.containers[0].env.map(\.value) == ["24"])
        #expect(pods.workload(values, trial: 1).metadata.annotations == [:])
        let neighbours = pods.neighbours(values, trial: 1)
        #expect(neighbours.map(\.metadata.name) == ["trial-1-noisy"])
        #expect(neighbours[0].metadata.annotations == ["cgroup.minikube-lite/cpu.weight": "400"])
        #expect(experiment.factors.map(\.name) == ["SIZE", "noisy pod cpu.weight"])
    }
}
