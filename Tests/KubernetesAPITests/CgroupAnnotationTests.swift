import Testing

@testable import KubernetesAPI

/// The annotations that reach what cgroups can do and Kubernetes has no field for.
@Suite struct CgroupAnnotationTests {
    private func pod(
        _ annotations: [String: String], limits: [String: Quantity] = [:], podLimits: [String: Quantity] = [:]
    ) -> Pod {
        var pod = Pod()
        pod.metadata.name = "p"
        pod.metadata.namespace = "default"
        pod.metadata.annotations = annotations
        var container = Container()
        container.name = "web"
        container.image = "i"
        container.resources.limits = limits
        pod.spec.containers = [container]
        if !podLimits.isEmpty {
            pod.spec.resources = ResourceRequirements()
            pod.spec.resources?.limits = podLimits
        }
        return Kinds.defaulted(pod, isNew: true) as? Pod ?? pod
    }

    private func refusal(_ pod: Pod) -> String? {
        do {
            try Validation.validateCreate(pod)
            return nil
        } catch { return error.status.message }
    }

    @Test func valuesAreReadIntoTypes() throws {
        let read = try CgroupAnnotations(
            pod([
                "cgroup.minikube-lite/memory.high": "1Gi", "cgroup.minikube-lite/pids.max": "max",
                "web.cgroup.minikube-lite/memory.min": "16Mi", "web.cgroup.minikube-lite/memory.low": "32Mi",
                "web.cgroup.minikube-lite/memory.swap.max": "0", "web.cgroup.minikube-lite/memory.swap.high": "max",
                "web.cgroup.minikube-lite/memory.oom.group": "0", "web.cgroup.minikube-lite/cpu.max": "20000 50000",
                "web.cgroup.minikube-lite/cpu.max.burst": "10000", "web.cgroup.minikube-lite/cpu.weight": "400",
                "web.cgroup.minikube-lite/cpu.idle": "0", "web.cgroup.minikube-lite/cpuset.cpus": "0-2,5",
                "web.cgroup.minikube-lite/cpuset.mems": "0", "web.cgroup.minikube-lite/io.weight": "50",
                "web.cgroup.minikube-lite/io.max": "8:16 rbps=1Mi wiops=max; /dev/sdb wbps=2M riops=120",
                "web.cgroup.minikube-lite/hugetlb.2MB.max": "4Mi", "other.example/memory.high": "unread",
            ]))
        var pod = CgroupKnobs()
        pod.memoryHigh = .value(1 << 30)
        pod.pidsMax = .max
        #expect(read.pod == pod)
        var web = CgroupKnobs()
        web.memoryMin = .value(16 << 20)
        web.memoryLow = .value(32 << 20)
        web.memorySwapMax = .value(0)
        web.memorySwapHigh = .max
        web.memoryOOMGroup = false
        web.cpuMax = .init(quota: .value(20_000), period: 50_000)
        web.cpuMaxBurst = 10_000
        web.cpuWeight = 400
        web.cpuIdle = false
        web.cpus = "0-2,5"
        web.memoryNodes = "0"
        web.ioWeight = 50
        var first = CgroupKnobs.IOLimit(device: "8:16")
        first.readBytes = .value(1 << 20)
        first.writeOperations = .max
        var second = CgroupKnobs.IOLimit(device: "/dev/sdb")
        second.writeBytes = .value(2_000_000)
        second.readOperations = .value(120)
        web.ioMax = [first, second]
        web.hugePages = ["2MB": .value(4 << 20)]
        #expect(read.containers == ["web": web])
        #expect(CgroupAnnotations.key("io.max", container: "web") == "web.cgroup.minikube-lite/io.max")
        #expect(CgroupAnnotations.key("io.max") == "cgroup.minikube-lite/io.max")
    }

    @Test(arguments: [
        ("cgroup.minikube-lite/memory.max", "1Gi", "use `resources.limits[memory]` instead of memory.max"),
        ("cgroup.minikube-lite/memory.hihg", "1Gi", "unknown file \"memory.hihg\""),
        ("cgroup.minikube-lite/hugetlb.3MB.max", "0", "unknown file \"hugetlb.3MB.max\""),
        ("db.cgroup.minikube-lite/memory.high", "1Gi", "no container is named \"db\""),
        ("web.cgroup.minikube-lite/memory.high", "0", "must be greater than zero"),
        ("web.cgroup.minikube-lite/memory.high", "-1", "must be greater than or equal to 0"),
        ("web.cgroup.minikube-lite/memory.high", "64m", "must be whole bytes"),
        ("web.cgroup.minikube-lite/memory.high", "lots", "must be a quantity of bytes such as 64Mi, or \"max\""),
        ("web.cgroup.minikube-lite/memory.oom.group", "true", "must be 0 or 1"),
        ("web.cgroup.minikube-lite/cpu.max", "50%", "the quota must be \"max\", or 1000 microseconds or more"),
        ("web.cgroup.minikube-lite/cpu.max", "10 1000", "the quota must be"),
        ("web.cgroup.minikube-lite/cpu.max", "max 999", "the period must be between 1000 and 1000000 microseconds"),
        ("web.cgroup.minikube-lite/cpu.max", "1000 1000 5", "must be \"QUOTA PERIOD\" in microseconds"),
        ("web.cgroup.minikube-lite/cpu.max.burst", "5000", "needs a quota: cpu.max or `resources.limits[cpu]`"),
        ("web.cgroup.minikube-lite/cpu.weight", "0", "must be a whole number between 1 and 10000, inclusive"),
        ("web.cgroup.minikube-lite/cpu.weight", "10001", "must be a whole number between 1 and 10000, inclusive"),
        ("web.cgroup.minikube-lite/cpu.weight", "+5", "must be a whole number between 1 and 10000, inclusive"),
        ("web.cgroup.minikube-lite/pids.max", "0", "must be a whole number greater than 0, or \"max\""),
        ("web.cgroup.minikube-lite/cpuset.cpus", "3-1", "must be a list such as 0-3,5"),
        ("web.cgroup.minikube-lite/cpuset.cpus", "", "must be a list such as 0-3,5"),
        ("web.cgroup.minikube-lite/cpuset.cpus", "0-8192", "numbers must be less than 8192"),
        ("web.cgroup.minikube-lite/io.max", "sda rbps=1", "each line must begin with a device"),
        ("web.cgroup.minikube-lite/io.max", "/dev/../etc rbps=1", "each line must begin with a device"),
        ("web.cgroup.minikube-lite/io.max", "8:0", "device 8:0 has no limit"),
        ("web.cgroup.minikube-lite/io.max", "8:0 rbps=0", "rbps: must be greater than zero"),
        ("web.cgroup.minikube-lite/io.max", "8:0 rpbs=5", "\"rpbs=5\" is not one of rbps=, wbps=, riops=, wiops="),
        ("web.cgroup.minikube-lite/io.max", "8:0 rbps=5 rbps=6", "rbps stands twice"),
        ("web.cgroup.minikube-lite/io.max", "8:0 rbps=5;8:0 wbps=6", "device 8:0 stands twice"),
        ("web.cgroup.minikube-lite/hugetlb.2MB.max", "3Mi", "must be a multiple of 2MB"),
    ])
    func badValuesAreRefusedWithTheirPath(key: String, value: String, problem: String) throws {
        let message = try #require(refusal(pod([key: value])))
        #expect(message.contains("metadata.annotations[\(key)]: Invalid value: \"\(value)\": \(problem)"), "\(message)")
    }

    @Test func theSameInATemplate() throws {
        var deployment = Deployment()
        deployment.metadata.name = "d"
        deployment.metadata.namespace = "default"
        deployment.spec.selector = LabelSelector()
        deployment.spec.selector?.matchLabels = ["a": "b"]
        deployment.spec.template.metadata.labels = ["a": "b"]
        deployment.spec.template.metadata.annotations = ["cgroup.minikube-lite/memory.hihg": "1"]
        deployment.spec.template.spec.containers = pod([:]).spec.containers
        let error = #expect(throws: APIError.self) {
            try Validation.validateCreate(Kinds.defaulted(deployment, isNew: true))
        }
        let path = "spec.template.metadata.annotations[cgroup.minikube-lite/memory.hihg]"
        #expect(error?.status.details?.causes.map(\.field) == [path])
    }

    @Test func whatAFieldSetsIsTheFields() {
        let max = "web.cgroup.minikube-lite/cpu.max"
        #expect(
            refusal(pod([max: "1000"], limits: ["cpu": "1"]))?.contains(
                "the container has `resources.limits[cpu]`, which sets cpu.max") == true)
        #expect(refusal(pod(["cgroup.minikube-lite/cpu.max": "1000"], limits: ["cpu": "1"])) == nil)
        #expect(
            refusal(pod(["cgroup.minikube-lite/cpu.max": "1000"], podLimits: ["cpu": "1"]))?.contains(
                "the pod has `resources.limits[cpu]`, which sets cpu.max") == true)
        let burst = "web.cgroup.minikube-lite/cpu.max.burst"
        #expect(refusal(pod([burst: "1000"], limits: ["cpu": "1"])) == nil)
        #expect(refusal(pod([burst: "1000", max: "1000"])) == nil)
        #expect(
            refusal(pod([burst: "1001", max: "1000"]))?.contains("must be less than or equal to the quota of 1000")
                == true)
        let high = "web.cgroup.minikube-lite/memory.high"
        #expect(refusal(pod([high: "64Mi"], limits: ["memory": "64Mi"])) == nil)
        #expect(
            refusal(pod([high: "65Mi"], limits: ["memory": "64Mi"]))?.contains(
                "must be less than or equal to memory limit of 64Mi") == true)
        #expect(
            refusal(
                pod(
                    ["web.cgroup.minikube-lite/hugetlb.2MB.max": "2Mi"],
                    limits: ["memory": "64Mi", "hugepages-2Mi": "2Mi"]))?.contains("which sets hugetlb.2MB.max") == true
        )
        let idle = ["web.cgroup.minikube-lite/cpu.idle": "1", "web.cgroup.minikube-lite/cpu.weight": "5"]
        #expect(refusal(pod(idle))?.contains("has no meaning where cpu.idle is 1") == true)
    }

    @Test func ofARunningPodTheyChangeAndAreCheckedAgain() {
        let key = "cgroup.minikube-lite/memory.high"
        func update(_ annotations: [String: String]) -> String? {
            do {
                try Validation.validateUpdate(pod(annotations), from: pod([key: "1Gi"]))
                return nil
            } catch { return error.status.message }
        }
        #expect(update([key: "2Gi"]) == nil)
        #expect(update([:]) == nil)
        #expect(
            update([key: "0"])
                == "Pod \"p\" is invalid: metadata.annotations[\(key)]: Invalid value: \"0\": must be greater than zero"
        )
    }

    @Test func hugePagesHaveTwoNames() {
        for (resource, kernel, bytes) in [
            ("hugepages-2Mi", "2MB", Int64(2) << 20), ("hugepages-1Gi", "1GB", 1 << 30),
            ("hugepages-64Ki", "64KB", 64 << 10),
        ] {
            #expect(HugePageSize(resource: resource)?.kernelName == kernel)
            #expect(HugePageSize(kernelName: kernel)?.resource == resource)
            #expect(HugePageSize(resource: resource)?.bytes == bytes)
        }
        for name in ["hugepages-3Mi", "hugepages-", "hugepages-1", "memory"] {
            #expect(HugePageSize(resource: name) == nil)
        }
    }
}
