import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// The whole mapping from fields, options and annotations to files, as one table.
struct TranslationTests {
    /// What a pod asks for, on what node, and what its cgroups get for it.
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// The pod's spec in YAML.
        var spec: String
        var annotations: [String: String] = [:]
        var options: @Sendable (inout LimitOptions) -> Void = { _ in }
        /// `FILE VALUE` lines of the pod's cgroup.
        var pod: [String]
        /// The same of each container's.
        var containers: [String: [String]]
        var testDescription: String { name }

        init(
            _ name: String, _ spec: String, annotations: [String: String] = [:],
            options: @escaping @Sendable (inout LimitOptions) -> Void = { _ in }, pod: [String],
            containers: [String: [String]]
        ) {
            self.name = name
            self.spec = spec
            self.annotations = annotations
            self.options = options
            self.pod = pod
            self.containers = containers
        }
    }

    /// 8 GiB of memory, 6 GiB of them for pods, 2 GiB of swap.
    static let host = CgroupTranslation.Host(
        controllers: ["cpu", "memory", "pids"], memoryBytes: 8 << 30, allocatableMemory: 6 << 30, swapBytes: 2 << 30,
        hugePageSizes: ["2MB", "1GB"])

    static let rows: [Row] = [
        Row(
            "nothing asked for", "containers: [{name: a}]", pod: ["cpu.weight 1"],
            containers: ["a": ["cpu.weight 1", "memory.swap.max 0", "memory.oom.group 1"]]),
        Row(
            "requests and limits",
            """
            containers:
            - {name: a, resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: 500m, memory: 256Mi}}}
            """,
            pod: ["cpu.weight 4", "cpu.max 50000 100000", "memory.max 268435456", "memory.swap.max max"],
            containers: [
                "a": [
                    "cpu.weight 4", "cpu.max 50000 100000", "memory.max 268435456", "memory.swap.max 0",
                    "memory.oom.group 1",
                ]
            ]),
        Row(
            "a limit counts as the request where there is none",
            "containers: [{name: a, resources: {limits: {cpu: 2}}}]",
            pod: ["cpu.weight 1", "cpu.max 200000 100000"],
            containers: [
                "a": ["cpu.weight 79", "cpu.max 200000 100000", "memory.swap.max 0", "memory.oom.group 1"]
            ]),
        Row(
            "the shortest quota", "containers: [{name: a, resources: {requests: {cpu: 1m}, limits: {cpu: 1m}}}]",
            pod: ["cpu.weight 1", "cpu.max 1000 100000"],
            containers: [
                "a": ["cpu.weight 1", "cpu.max 1000 100000", "memory.swap.max 0", "memory.oom.group 1"]
            ]),
        Row(
            "absurd amounts", "containers: [{name: a, resources: {limits: {cpu: 9E, memory: 9E}}}]",
            pod: [
                "cpu.weight 1", "cpu.max 8796093022208 100000", "memory.max 9000000000000000000",
                "memory.swap.max max",
            ],
            containers: [
                "a": [
                    "cpu.weight 10000", "cpu.max 8796093022208 100000", "memory.max 9000000000000000000",
                    "memory.swap.max 0", "memory.oom.group 1",
                ]
            ]),
        Row(
            "the pod has a limit where all containers have one: init containers, sidecars, overhead",
            """
            overhead: {cpu: 10m, memory: 1Mi}
            initContainers:
            - {name: side, restartPolicy: Always, resources: {limits: {cpu: 100m, memory: 10Mi}}}
            - {name: init, resources: {limits: {cpu: "1", memory: 50Mi}}}
            containers:
            - {name: a, resources: {limits: {cpu: 200m, memory: 20Mi}}}
            - {name: b, resources: {limits: {cpu: 300m, memory: 20Mi}}}
            """,
            // CPU: init and sidecar 1100m; memory: 60Mi; both with overhead.
            pod: ["cpu.weight 1", "cpu.max 111000 100000", "memory.max 63963136", "memory.swap.max max"],
            containers: [
                "side": [
                    "cpu.weight 4", "cpu.max 10000 100000", "memory.max 10485760", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
                "init": [
                    "cpu.weight 39", "cpu.max 100000 100000", "memory.max 52428800", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
                "a": [
                    "cpu.weight 8", "cpu.max 20000 100000", "memory.max 20971520", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
                "b": [
                    "cpu.weight 12", "cpu.max 30000 100000", "memory.max 20971520", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
            ]),
        Row(
            "one container without a limit leaves the pod without one",
            """
            containers:
            - {name: a, resources: {limits: {memory: 20Mi}}}
            - {name: b}
            """,
            pod: ["cpu.weight 1"],
            containers: [
                "a": ["cpu.weight 1", "memory.max 20971520", "memory.swap.max 0", "memory.oom.group 1"],
                "b": ["cpu.weight 1", "memory.swap.max 0", "memory.oom.group 1"],
            ]),
        Row(
            "the pod's own resources (KEP-2837)",
            """
            resources: {requests: {cpu: "1", memory: 100Mi}, limits: {cpu: "2", memory: 200Mi}}
            containers:
            - {name: a, resources: {requests: {cpu: 100m}, limits: {memory: 20Mi}}}
            - {name: b}
            """,
            pod: ["cpu.weight 39", "cpu.max 200000 100000", "memory.max 209715200", "memory.swap.max max"],
            containers: [
                "a": [
                    "cpu.weight 4", "cpu.max 200000 100000", "memory.max 20971520", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
                "b": [
                    "cpu.weight 79", "cpu.max 200000 100000", "memory.max 209715200", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
            ]),
        Row(
            "huge pages",
            """
            containers:
            - {name: a, resources: {requests: {hugepages-2Mi: 4Mi}, limits: {hugepages-2Mi: 4Mi, hugepages-1Gi: 1Gi}}}
            """,
            pod: ["cpu.weight 1", "hugetlb.2MB.max 4194304"],
            containers: [
                "a": [
                    "cpu.weight 1", "memory.swap.max 0", "memory.oom.group 1", "hugetlb.1GB.max 1073741824",
                    "hugetlb.2MB.max 4194304",
                ]
            ]),
        Row(
            "--cpu-weight-formula quadratic", "containers: [{name: a, resources: {requests: {cpu: \"1\"}}}]",
            options: { $0.weightFormula = .quadratic }, pod: ["cpu.weight 100"],
            containers: ["a": ["cpu.weight 100", "memory.swap.max 0", "memory.oom.group 1"]]),
        Row(
            "--no-cpu-cfs-quota", "containers: [{name: a, resources: {limits: {cpu: \"1\"}}}]",
            options: { $0.cpuCFSQuota = false }, pod: ["cpu.weight 1"],
            containers: ["a": ["cpu.weight 39", "memory.swap.max 0", "memory.oom.group 1"]]),
        Row(
            "--cpu-cfs-quota-period 10ms", "containers: [{name: a, resources: {limits: {cpu: \"1500m\"}}}]",
            options: { $0.cpuCFSQuotaPeriod = 10_000 }, pod: ["cpu.weight 1", "cpu.max 15000 10000"],
            containers: [
                "a": ["cpu.weight 59", "cpu.max 15000 10000", "memory.swap.max 0", "memory.oom.group 1"]
            ]),
        Row(
            "--pod-pids-limit and --single-process-oom-kill", "containers: [{name: a}]",
            options: {
                $0.podPidsLimit = 500
                $0.singleProcessOOMKill = true
            }, pod: ["cpu.weight 1", "pids.max 500"], containers: ["a": ["cpu.weight 1", "memory.swap.max 0"]]),
        Row(
            "--memory-qos, Burstable: memory.low, and memory.high between request and limit or allocatable",
            """
            containers:
            - {name: a, resources: {requests: {memory: 100Mi}, limits: {memory: 200Mi}}}
            - {name: b, resources: {requests: {memory: 100Mi}}}
            - {name: c}
            """,
            options: { $0.memoryQoS = true }, pod: ["cpu.weight 1", "memory.low 209715200"],
            containers: [
                // 100Mi + 0.9 * 100Mi, down to a page.
                "a": [
                    "cpu.weight 1", "memory.low 104857600", "memory.high 199229440", "memory.max 209715200",
                    "memory.swap.max 0", "memory.oom.group 1",
                ],
                // 100Mi + 0.9 * (6Gi - 100Mi)
                "b": [
                    "cpu.weight 1", "memory.low 104857600", "memory.high 5808689152", "memory.swap.max 0",
                    "memory.oom.group 1",
                ],
                "c": ["cpu.weight 1", "memory.high 5798203392", "memory.swap.max 0", "memory.oom.group 1"],
            ]),
        Row(
            "--memory-qos, Guaranteed: memory.min and no memory.high",
            "containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 1Gi}}}]",
            options: { $0.memoryQoS = true },
            pod: [
                "cpu.weight 39", "cpu.max 100000 100000", "memory.min 1073741824", "memory.max 1073741824",
                "memory.swap.max max",
            ],
            containers: [
                "a": [
                    "cpu.weight 39", "cpu.max 100000 100000", "memory.min 1073741824", "memory.max 1073741824",
                    "memory.swap.max 0", "memory.oom.group 1",
                ]
            ]),
        Row(
            "--memory-qos with --memory-reservation-policy None and another factor",
            "containers: [{name: a, resources: {limits: {memory: 100Mi}, requests: {memory: 0}}}]",
            options: {
                $0.memoryQoS = true
                $0.memoryReservation = .none
                $0.memoryThrottlingFactor = 0.5
            }, pod: ["cpu.weight 1", "memory.max 104857600", "memory.swap.max max"],
            containers: [
                "a": [
                    "cpu.weight 1", "memory.high 52428800", "memory.max 104857600", "memory.swap.max 0",
                    "memory.oom.group 1",
                ]
            ]),
        Row(
            "--memory-swap-behavior LimitedSwap: the request's part of the swap, Burstable, not where request is limit",
            """
            containers:
            - {name: a, resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}}
            - {name: b, resources: {requests: {memory: 1Gi}, limits: {memory: 1Gi}}}
            - {name: c}
            """,
            options: { $0.swapBehavior = .limitedSwap }, pod: ["cpu.weight 1"],
            containers: [
                "a": ["cpu.weight 1", "memory.max 2147483648", "memory.swap.max 268435456", "memory.oom.group 1"],
                "b": ["cpu.weight 1", "memory.max 1073741824", "memory.swap.max 0", "memory.oom.group 1"],
                "c": ["cpu.weight 1", "memory.swap.max 0", "memory.oom.group 1"],
            ]),
        Row(
            "LimitedSwap: critical pods do not swap",
            """
            priority: 2000000000
            containers:
            - {name: a, resources: {requests: {memory: 1Gi}}}
            """,
            options: { $0.swapBehavior = .limitedSwap }, pod: ["cpu.weight 1"],
            containers: ["a": ["cpu.weight 1", "memory.swap.max 0", "memory.oom.group 1"]]),
        Row(
            "annotations count before what is derived, each on its own cgroup",
            "containers: [{name: a, resources: {requests: {cpu: 1, memory: 64Mi}, limits: {memory: 128Mi}}}, {name: b}]",
            annotations: [
                "cgroup.minikube-lite/pids.max": "100", "cgroup.minikube-lite/memory.high": "100Mi",
                "a.cgroup.minikube-lite/cpu.weight": "7", "a.cgroup.minikube-lite/cpu.max": "20000 50000",
                "a.cgroup.minikube-lite/cpu.max.burst": "10000", "a.cgroup.minikube-lite/memory.high": "max",
                "a.cgroup.minikube-lite/memory.min": "1Mi", "a.cgroup.minikube-lite/memory.low": "2Mi",
                "a.cgroup.minikube-lite/memory.swap.max": "64Mi", "a.cgroup.minikube-lite/memory.swap.high": "32Mi",
                "a.cgroup.minikube-lite/memory.oom.group": "0", "a.cgroup.minikube-lite/cpuset.cpus": "0-1",
                "a.cgroup.minikube-lite/cpuset.mems": "0", "a.cgroup.minikube-lite/io.weight": "300",
                "a.cgroup.minikube-lite/io.max": "8:16 rbps=1Mi wiops=10; /dev/sdb wbps=max",
                "a.cgroup.minikube-lite/hugetlb.2MB.max": "2Mi", "b.cgroup.minikube-lite/cpu.idle": "1",
            ], options: { $0.memoryQoS = true },
            pod: ["cpu.weight 39", "memory.low 67108864", "memory.high 104857600", "pids.max 100"],
            containers: [
                "a": [
                    "cpu.weight 7", "cpu.max 20000 50000", "cpu.max.burst 10000", "memory.min 1048576",
                    "memory.low 2097152", "memory.high max", "memory.max 134217728", "memory.swap.max 67108864",
                    "memory.swap.high 33554432", "hugetlb.2MB.max 2097152", "cpuset.cpus 0-1", "cpuset.mems 0",
                    "io.max 8:16 rbps=1048576 wiops=10", "io.max /dev/sdb", "io.weight 300",
                ],
                "b": [
                    "cpu.weight 1", "cpu.idle 1", "memory.high 5798203392", "memory.swap.max 0", "memory.oom.group 1",
                ],
            ]),
    ]

    @Test(arguments: rows)
    func mapping(_ row: Row) throws {
        var options = LimitOptions()
        row.options(&options)
        let translation = CgroupTranslation(options: options, host: Self.host)
        let pod = try Self.pod(row.spec, annotations: row.annotations)
        #expect(Self.lines(translation.pod(pod)) == row.pod)
        for container in pod.spec.initContainers + pod.spec.containers {
            #expect(
                Self.lines(translation.container(container, of: pod)) == row.containers[container.name],
                "container \(container.name)")
        }
    }

    static func pod(_ spec: String, annotations: [String: String] = [:]) throws -> Pod {
        var pod = Pod()
        pod.spec = try PodSpec(json: try #require(try YAMLDocuments.read(spec).first))
        pod.metadata.annotations = annotations
        pod.metadata.uid = "u"
        return pod
    }

    /// As the files have it; what is left to the kernel is not there.
    static func lines(_ resources: CgroupResources) -> [String] {
        var lines: [String] = []
        func add(_ file: String, _ value: Int64?) {
            if let value { lines.append("\(file) \(value == .max ? "max" : "\(value)")") }
        }
        add("cpu.weight", resources.cpuWeight)
        if let quota = resources.cpuQuota { lines.append("cpu.max \(quota) \(resources.cpuPeriod)") }
        add("cpu.max.burst", resources.cpuBurst)
        add("cpu.idle", resources.cpuIdle.map { $0 ? 1 : 0 })
        add("memory.min", resources.memoryMin)
        add("memory.low", resources.memoryLow)
        add("memory.high", resources.memoryHigh)
        add("memory.max", resources.memoryMax)
        add("memory.swap.max", resources.memorySwapMax)
        add("memory.swap.high", resources.memorySwapHigh)
        if resources.oomGroup { add("memory.oom.group", 1) }
        add("pids.max", resources.pidsMax)
        for (size, bytes) in resources.hugePages.sorted(by: { $0.key < $1.key }) { add("hugetlb.\(size).max", bytes) }
        if let cpus = resources.cpus { lines.append("cpuset.cpus \(cpus)") }
        if let nodes = resources.memoryNodes { lines.append("cpuset.mems \(nodes)") }
        for limit in resources.ioMax {
            let values = [
                ("rbps", limit.readBytes), ("wbps", limit.writeBytes), ("riops", limit.readOperations),
                ("wiops", limit.writeOperations),
            ].compactMap { name, value in value.map { " \(name)=\($0)" } }
            lines.append("io.max \(limit.device)\(values.joined())")
        }
        add("io.weight", resources.ioWeight)
        return lines
    }

    // MARK: Formulas

    @Test(
        arguments: [
            (0, 1, 1), (2, 1, 1), (100, 4, 17), (250, 10, 35), (500, 20, 59), (1000, 39, 100), (2000, 79, 174),
            (4000, 157, 303), (256_000, 10_000, 10_000), (1_000_000, 10_000, 10_000), (.max, 10_000, 10_000),
        ] as [(Int64, Int64, Int64)])
    func weight(milliCPU: Int64, linear: Int64, quadratic: Int64) {
        var options = LimitOptions()
        #expect(CgroupTranslation(options: options, host: Self.host).cpuWeight(milliCPU: milliCPU) == linear)
        options.weightFormula = .quadratic
        #expect(CgroupTranslation(options: options, host: Self.host).cpuWeight(milliCPU: milliCPU) == quadratic)
    }

    /// Where hugetlb is there, who asks for no huge pages gets none.
    @Test func hugePagesAreDenied() throws {
        var host = Self.host
        host.controllers.insert("hugetlb")
        let pod = try Self.pod("containers: [{name: a, resources: {limits: {hugepages-2Mi: 2Mi}}}, {name: b}]")
        let translation = CgroupTranslation(options: LimitOptions(), host: host)
        #expect(translation.container(pod.spec.containers[0], of: pod).hugePages == ["2MB": 2 << 20, "1GB": 0])
        #expect(translation.container(pod.spec.containers[1], of: pod).hugePages == ["2MB": 0, "1GB": 0])
    }

    @Test func withoutControllersOnlyWhatWasAskedForIsThere() throws {
        var host = Self.host
        host.controllers = []
        let pod = try Self.pod("containers: [{name: a}]")
        let translation = CgroupTranslation(options: LimitOptions(), host: host)
        #expect(
            Self.lines(translation.container(pod.spec.containers[0], of: pod)) == [
                "cpu.weight 1", "memory.oom.group 1",
            ])
    }

    @Test func exclusiveCPUsAreNotThrottled() throws {
        let pod = try Self.pod(
            "containers: [{name: a, resources: {requests: {cpu: 2, memory: 1Gi}, limits: {cpu: 2, memory: 1Gi}}}]")
        let translation = CgroupTranslation(options: LimitOptions(), host: Self.host)
        let own = CPUAssignment(cpus: CPUSet([2, 3]), isExclusive: true)
        let container = translation.container(pod.spec.containers[0], of: pod, cpus: own)
        #expect(container.cpus == "2-3" && container.cpuQuota == nil && container.cpuWeight == 79)
        #expect(translation.pod(pod, hasExclusiveCPUs: true).cpuQuota == nil)
    }

    @Test func levels() throws {
        let shares = try [
            "containers: [{name: a}]", "containers: [{name: a, resources: {requests: {cpu: 250m, memory: 64Mi}}}]",
            "containers: [{name: a, resources: {requests: {cpu: 750m, memory: 64Mi}}}]",
            "containers: [{name: a, resources: {requests: {cpu: 2, memory: 1Gi}, limits: {cpu: 2, memory: 1Gi}}}]",
        ].map { PodShare(try Self.pod($0).spec) }
        var options = LimitOptions()
        #expect(
            CgroupTranslation(options: options, host: Self.host).levels(shares)
                == [
                    .guaranteed: CgroupResources(), .burstable: CgroupResources(cpuWeight: 39),
                    .bestEffort: CgroupResources(cpuWeight: 1),
                ])
        options.memoryQoS = true
        #expect(
            CgroupTranslation(options: options, host: Self.host).levels(shares)
                == [
                    .guaranteed: CgroupResources(memoryMin: 1 << 30, memoryLow: 128 << 20),
                    .burstable: CgroupResources(cpuWeight: 39, memoryLow: 128 << 20),
                    .bestEffort: CgroupResources(cpuWeight: 1),
                ])
    }

    // MARK: oom_score_adj

    @Test(arguments: [
        ("containers: [{name: a}]", 1000),
        ("containers: [{name: a, resources: {requests: {cpu: 1}}}]", 999),
        ("containers: [{name: a, resources: {requests: {memory: 4Gi}}}]", 500),
        ("containers: [{name: a, resources: {requests: {memory: 8Gi}}}]", 3),
        ("containers: [{name: a, resources: {requests: {memory: 8Ei}}}]", 3),
        ("containers: [{name: a, resources: {requests: {memory: 1Ki}}}]", 999),
        ("containers: [{name: a, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 1Gi}}}]", -997),
        ("{priority: 2000001000, priorityClassName: system-node-critical, containers: [{name: a}]}", -997),
        ("{priority: 2000000000, priorityClassName: system-cluster-critical, containers: [{name: a}]}", 1000),
        // A sidecar as late as the container that asks for least; that one asks for 4Gi.
        (
            """
            initContainers: [{name: a, restartPolicy: Always, resources: {requests: {memory: 1Gi}}}]
            containers: [{name: b, resources: {requests: {memory: 4Gi}}}, {name: c, resources: {requests: {memory: 6Gi}}}]
            """, 500
        ),
        // The pod asks for 2Gi more than its two containers: 1Gi each.
        (
            """
            resources: {requests: {memory: 4Gi}}
            containers: [{name: a, resources: {requests: {memory: 1Gi}}}, {name: b, resources: {requests: {memory: 1Gi}}}]
            """, 750
        ),
    ])
    func outOfMemoryScore(spec: String, score: Int) throws {
        let pod = try Self.pod(spec)
        let translation = CgroupTranslation(options: LimitOptions(), host: Self.host)
        let first = try #require((pod.spec.initContainers + pod.spec.containers).first)
        #expect(translation.oomScoreAdjust(first, of: pod) == score)
    }
}
