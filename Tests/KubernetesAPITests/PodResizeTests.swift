import Testing

@testable import KubernetesAPI

/// What `pods/resize` may change.
@Suite struct PodResizeTests {
    private func pod() throws -> Pod {
        let text = """
            {"metadata":{"name":"p","namespace":"d"},"spec":{
             "initContainers":[
              {"name":"setup","image":"i:1","resources":{"requests":{"cpu":"10m"}}},
              {"name":"side","image":"i:1","restartPolicy":"Always","resources":{"requests":{"cpu":"10m"}}}],
             "containers":[{"name":"c","image":"i:1","resources":{
              "requests":{"cpu":"1","memory":"64Mi"},"limits":{"cpu":"2","memory":"128Mi"}}}]}}
            """
        let pod = Kinds.defaulted(try Pod(json: JSONParser.parse(text.utf8)), isNew: true)
        return try #require(pod as? Pod)
    }

    private func refusal(_ old: Pod, _ change: (inout Pod) -> Void) -> String? {
        var new = old
        change(&new)
        do {
            try Validation.validateResize(new, from: old)
            return nil
        } catch { return error.status.message.replacing("Pod \"p\" is invalid: ", with: "") }
    }

    @Test func cpuAndMemoryChange() throws {
        let old = try pod()
        #expect(
            refusal(old) {
                $0.spec.containers[0].resources.requests = ["cpu": "500m", "memory": "32Mi"]
                $0.spec.containers[0].resources.limits = ["cpu": "3", "memory": "32Mi"]
                $0.spec.initContainers[1].resources.requests["cpu"] = "20m"
                $0.spec.initContainers[1].resources.limits["cpu"] = "1"
            } == nil)
    }

    @Test func nothingElseChanges() throws {
        let old = try pod()
        func expect(_ message: String, _ line: Int = #line, _ change: (inout Pod) -> Void) {
            let refused = refusal(old, change)
            #expect(refused == message, "line \(line): \(refused ?? "taken")")
        }
        let only = "Forbidden: only cpu and memory resources are mutable"
        expect("spec.containers[0].image: \(only)") { $0.spec.containers[0].image = "other" }
        expect("spec.nodeName: \(only)") { $0.spec.nodeName = "n" }
        expect("spec.containers[0].resources.limits.ephemeral-storage: \(only)") {
            $0.spec.containers[0].resources.limits["ephemeral-storage"] = "1Gi"
        }
        expect("spec.containers[0].resizePolicy: \(only)") {
            var policy = ContainerResizePolicy()
            policy.resourceName = .cpu
            policy.restartPolicy = .notRequired
            $0.spec.containers[0].resizePolicy = [policy]
        }
        expect("spec.initContainers[0]: Forbidden: resources for non-sidecar init containers are immutable") {
            $0.spec.initContainers[0].resources.requests["cpu"] = "20m"
        }
        expect("spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed") {
            $0.spec.containers[0].resources.requests["memory"] = nil
        }
        expect("spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed") {
            $0.spec.containers[0].resources.limits["memory"] = nil
        }
        expect("spec.containers: Forbidden: containers may not be renamed or reordered on resize") {
            $0.spec.containers[0].name = "d"
        }
        expect("spec.containers: Forbidden: containers may not be added or removed on resize") {
            var second = $0.spec.containers[0]
            second.name = "d"
            $0.spec.containers.append(second)
        }
        expect("spec.resources: Forbidden: pods with pod-level resources cannot be resized") {
            $0.spec.resources = ResourceRequirements()
            $0.spec.resources?.limits["memory"] = "1Gi"
            $0.spec.resources?.requests["memory"] = "1Gi"
        }
        expect(
            "spec.containers[0].resources.requests: Invalid value: \"3\": must be less than or equal to cpu limit of 2"
        ) { $0.spec.containers[0].resources.requests["cpu"] = "3" }
    }

    @Test func theQualityOfServiceStays() throws {
        var old = try pod()
        old.spec.initContainers = []
        #expect(
            refusal(old) { $0.spec.containers[0].resources.requests = $0.spec.containers[0].resources.limits }
                == "spec: Invalid value: \"Guaranteed\": Pod QOS Class may not change as a result of resizing")
    }

    @Test func theNodeHasToSayWhatContainersHave() throws {
        var old = try pod()
        var status = ContainerStatus()
        status.name = "c"
        status.state.running = ContainerStateRunning()
        old.status.containerStatuses = [status]
        let cpu = { (pod: inout Pod) in pod.spec.containers[0].resources.limits["cpu"] = "4" }
        #expect(refusal(old, cpu) == "spec: Forbidden: Pod running on node without support for resize")
        old.status.containerStatuses[0].resources = ResourceRequirements()
        #expect(refusal(old, cpu) == nil)
    }

    @Test func ordinaryUpdatesDoNotResize() throws {
        let old = try pod()
        var new = old
        new.spec.containers[0].resources.limits["cpu"] = "4"
        let error = #expect(throws: APIError.self) { try Validation.validateUpdate(new, from: old) }
        #expect(error?.status.message.contains("pod updates may not change fields other than") == true)
    }
}
