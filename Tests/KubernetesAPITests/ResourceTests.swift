import Testing

@testable import KubernetesAPI

/// Resources of containers and pods: what they default to, which are refused, and what they come to.
@Suite struct ResourceTests {
    private func pod(_ resources: String, _ podLevel: String = "") throws -> Pod {
        let level = podLevel.isEmpty ? "" : #","resources":\#(podLevel)"#
        let text = """
            {"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i:1",
             "resources":\(resources.isEmpty ? "{}" : resources)}]\(level)}}
            """
        let pod = Kinds.defaulted(try Pod(json: JSONParser.parse(text.utf8)), isNew: true)
        return try #require(pod as? Pod)
    }

    private func refusal(_ pod: Pod) -> String? {
        do {
            try Validation.validateCreate(pod)
            return nil
        } catch { return error.status.message.replacing("Pod \"p\" is invalid: ", with: "") }
    }

    @Test(arguments: [
        (
            #"{"limits":{"memory":"0"}}"#,
            "spec.containers[0].resources.limits[memory]: Invalid value: \"0\": must be greater than zero"
        ),
        (
            #"{"limits":{"cpu":0}}"#,
            "spec.containers[0].resources.limits[cpu]: Invalid value: \"0\": must be greater than zero"
        ),
        (
            #"{"limits":{"cpu":"-1"}}"#,
            "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"
        ),
        (
            #"{"limits":{"cpu":"100u"}}"#,
            "spec.containers[0].resources.limits[cpu]: Invalid value: \"100u\": must be a multiple of 1m"
        ),
        (
            #"{"requests":{"cpu":"2M"}}"#,
            "spec.containers[0].resources.requests[cpu]: Invalid value: \"2M\": must be less than or equal to 1000000"
        ),
        (
            #"{"limits":{"memory":"64m"}}"#,
            "spec.containers[0].resources.limits[memory]: Invalid value: \"64m\": must be at least one byte: "
                + "the suffix m means thousandths, Mi means mebibytes"
        ),
        (
            #"{"limits":{"memory":"9Ei"}}"#,
            "must be less than 8Ei"
        ),
        (
            #"{"requests":{"memory":"2Gi"},"limits":{"memory":"1Gi"}}"#,
            "spec.containers[0].resources.requests: Invalid value: \"2Gi\": must be less than or equal to memory limit of 1Gi"
        ),
        (
            #"{"requests":{"hugepages-2Mi":"2Mi","cpu":"1"}}"#,
            "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"
        ),
        (
            #"{"limits":{"hugepages-2Mi":"3Mi","cpu":"1"}}"#,
            "Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
        ),
        (
            #"{"limits":{"hugepages-2Mi":"2Mi"}}"#,
            "spec.containers[0].resources: Forbidden: HugePages require cpu or memory"
        ),
        (#"{"limits":{"ram":"1"}}"#, "must be a standard resource for containers"),
    ])
    func badAmountsAreRefusedWithTheirPath(resources: String, message: String) throws {
        let refused = try #require(refusal(try pod(resources)))
        #expect(refused.contains(message), "\(refused)")
    }

    @Test func amountsThatAreLegal() throws {
        for resources in [
            #"{"limits":{"cpu":"0.001","memory":"1"}}"#, #"{"requests":{"cpu":"0","memory":"0"}}"#,
            #"{"limits":{"memory":"4Ei","cpu":"1000"}}"#, #"{"limits":{"hugepages-2Mi":"0","memory":"1Gi"}}"#,
            #"{"limits":{"ephemeral-storage":"1Gi"}}"#,
        ] {
            #expect(refusal(try pod(resources)) == nil)
            #expect(Validation.warnings(for: try pod(resources)).isEmpty)
        }
    }

    @Test func fractionsOfABytesAreWarnedOf() throws {
        let warnings = Validation.warnings(for: try pod(#"{"limits":{"memory":"1.1Gi"}}"#))
        #expect(
            warnings == [
                "spec.containers[0].resources.limits[memory]: fractional byte value \"1181116006400m\" is invalid, "
                    + "must be an integer",
                "spec.containers[0].resources.requests[memory]: fractional byte value \"1181116006400m\" is invalid, "
                    + "must be an integer",
            ])
    }

    @Test(arguments: [
        ("", #"{"limits":{"ephemeral-storage":"1Gi"}}"#, "spec.resources.limits[ephemeral-storage]: Unsupported value"),
        (
            #"{"requests":{"cpu":"2"}}"#, #"{"requests":{"cpu":"1"}}"#,
            "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2"
        ),
        (
            #"{"limits":{"memory":"2Gi"},"requests":{"memory":"1Mi"}}"#, #"{"limits":{"memory":"1Gi"}}"#,
            "spec.containers[0].resources.limits[memory]: Invalid value: \"2Gi\": must be less than or equal to pod limits of 1Gi"
        ),
        (
            "", #"{"limits":{"memory":"0"}}"#,
            "spec.resources.limits[memory]: Invalid value: \"0\": must be greater than zero"
        ),
        (
            "", #"{"limits":{"memory":"1Gi"},"requests":{"memory":"2Gi"}}"#,
            "spec.resources.requests: Invalid value: \"2Gi\": must be less than or equal to memory limit of 1Gi"
        ),
        (
            #"{"limits":{"memory":"1Gi","hugepages-2Mi":"4Mi"}}"#,
            #"{"limits":{"memory":"1Gi","hugepages-2Mi":"2Mi"}}"#,
            "spec.resources.limits[hugepages-2Mi]: Invalid value: \"2Mi\": must be greater than or equal to aggregate container limits of 4Mi"
        ),
    ])
    func podLevelResourcesAreCheckedAgainstTheContainers(resources: String, podLevel: String, message: String) throws {
        let refused = try #require(refusal(try pod(resources, podLevel)))
        #expect(refused.contains(message), "\(refused)")
    }

    @Test(
        arguments: [
            // Requests from limits where no container asks.
            ("", #"{"limits":{"cpu":"1"}}"#, ["cpu": "1"], ["cpu": "1"]),
            // Requests from the containers where one does.
            (#"{"requests":{"cpu":"250m"}}"#, #"{"limits":{"cpu":"1"}}"#, ["cpu": "250m"], ["cpu": "1"]),
            // Limits from the containers where each has one.
            (
                #"{"limits":{"cpu":"500m","memory":"1Gi"}}"#, #"{"requests":{"cpu":"2"}}"#,
                ["cpu": "2", "memory": "1Gi"], ["cpu": "500m", "memory": "1Gi"]
            ),
            // Huge pages of the containers are the pod's.
            (
                #"{"limits":{"memory":"1Gi","hugepages-2Mi":"4Mi"}}"#, #"{"limits":{"memory":"2Gi"}}"#,
                ["memory": "1Gi", "hugepages-2Mi": "4Mi"], ["memory": "2Gi", "hugepages-2Mi": "4Mi"]
            ),
        ] as [(String, String, [String: Quantity], [String: Quantity])])
    func podLevelDefaults(
        resources: String, podLevel: String, requests: [String: Quantity], limits: [String: Quantity]
    ) throws {
        let pod = try pod(resources, podLevel)
        #expect(pod.spec.resources?.requests == requests)
        #expect(pod.spec.resources?.limits == limits)
        #expect(Kinds.defaulted(pod).json == pod.json)
    }

    @Test(arguments: [
        ("", #"{"limits":{"cpu":"1","memory":"1Gi"}}"#, "Guaranteed"),
        (#"{"requests":{"cpu":"1m"}}"#, #"{"limits":{"cpu":"1","memory":"1Gi"}}"#, "Burstable"),
        ("", #"{"requests":{"memory":"1Gi"}}"#, "Burstable"),
        (#"{"limits":{"cpu":"1","memory":"1Gi"}}"#, #"{"requests":{"cpu":"1"},"limits":{"cpu":"2"}}"#, "Burstable"),
    ])
    func podLevelResourcesDecideTheQualityOfService(resources: String, podLevel: String, expected: String) throws {
        let pod = try pod(resources, podLevel)
        #expect(refusal(pod) == nil)
        #expect(pod.status.qosClass.rawValue == expected)
    }

    @Test func sumsOfAPod() throws {
        func container(_ name: String, _ cpu: Quantity, limit: Quantity? = nil, sidecar: Bool = false) -> Container {
            var container = Container()
            container.name = name
            container.resources.requests = ["cpu": cpu]
            if let limit { container.resources.limits = ["cpu": limit] }
            if sidecar { container.restartPolicy = .always }
            return container
        }
        var spec = PodSpec()
        spec.initContainers = [
            container("a", "100m", limit: "200m", sidecar: true), container("b", "900m", limit: "2"),
            container("c", "50m", limit: "100m", sidecar: true),
        ]
        spec.containers = [container("d", "300m", limit: "1")]
        // While b starts: a and b. Later: a, c and d.
        #expect(spec.effectiveRequests["cpu"] == "1")
        #expect(spec.effectiveLimits["cpu"] == "2200m")
        #expect(spec.isLimited("cpu") && !spec.isLimited("memory"))
        spec.overhead = ["cpu": "10m", "memory": "1Mi"]
        #expect(spec.effectiveRequests == ["cpu": "1010m", "memory": "1Mi"])
        // Overhead alone is no limit.
        #expect(spec.effectiveLimits == ["cpu": "2210m"])
        spec.resources = ResourceRequirements()
        spec.resources?.requests = ["cpu": "3"]
        spec.resources?.limits = ["memory": "1Gi"]
        #expect(spec.effectiveRequests == ["cpu": "3010m", "memory": "1Mi"])
        #expect(spec.effectiveLimits == ["cpu": "2210m", "memory": "1025Mi"])
        spec.containers.append(container("e", "1m"))
        #expect(!spec.isLimited("cpu") && spec.isLimited("memory"))
    }

    @Test func whileItIsResizedTheLargestCounts() throws {
        var pod = try pod(#"{"requests":{"cpu":"1","memory":"64Mi"}}"#)
        #expect(pod.effectiveRequests == ["cpu": "1", "memory": "64Mi"])
        var status = ContainerStatus()
        status.name = "c"
        status.allocatedResources = ["cpu": "2", "memory": "32Mi"]
        pod.status.containerStatuses = [status]
        #expect(pod.effectiveRequests == ["cpu": "2", "memory": "64Mi"])
        pod.status.containerStatuses[0].resources = ResourceRequirements()
        pod.status.containerStatuses[0].resources?.requests = ["cpu": "3", "memory": "16Mi"]
        #expect(pod.effectiveRequests == ["cpu": "3", "memory": "64Mi"])
        // What can never be does not count.
        var pending = PodCondition()
        pending.type = .podResizePending
        pending.status = .true
        pending.reason = "Infeasible"
        pod.status.conditions = [pending]
        #expect(pod.effectiveRequests == ["cpu": "3", "memory": "32Mi"])
        pod.status.conditions[0].reason = "Deferred"
        #expect(pod.effectiveRequests == ["cpu": "3", "memory": "64Mi"])
    }

    @Test func resizePolicies() throws {
        func refusal(_ policies: String, restart: String = "Always") throws -> String? {
            let text = """
                {"metadata":{"name":"p","namespace":"d"},"spec":{"restartPolicy":"\(restart)",
                 "containers":[{"name":"c","image":"i:1","resizePolicy":\(policies)}]}}
                """
            let pod = Kinds.defaulted(try Pod(json: JSONParser.parse(text.utf8)), isNew: true)
            return self.refusal(try #require(pod as? Pod))
        }
        let path = "spec.containers[0].resizePolicy[0]"
        #expect(
            try refusal(#"[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]"#) == nil)
        #expect(
            try refusal(#"[{"resourceName":"disk","restartPolicy":"NotRequired"}]"#)
                == "\(path).resourceName: Unsupported value: \"disk\": supported values: \"cpu\", \"memory\"")
        #expect(
            try refusal(#"[{"resourceName":"cpu","restartPolicy":"Maybe"}]"#)
                == "\(path).restartPolicy: Unsupported value: \"Maybe\": supported values: \"NotRequired\", \"RestartContainer\""
        )
        #expect(
            try refusal(#"[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]"#, restart: "Never")
                == "\(path).restartPolicy: Invalid value: \"RestartContainer\": "
                + "must be 'NotRequired' when `restartPolicy` is 'Never'")
        #expect(
            try refusal(
                #"[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"cpu","restartPolicy":"NotRequired"}]"#
            ) == "spec.containers[0].resizePolicy[1]: Duplicate value: \"cpu\"")
    }
}
