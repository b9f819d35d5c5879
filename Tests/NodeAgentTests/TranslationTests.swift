import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

struct TranslationTests {
    @Test(arguments: [
        (0, 1), (2, 1), (100, 4), (500, 20), (1000, 39), (2000, 79), (256_000, 10000), (1_000_000, 10000),
    ])
    func weight(milliCPU: Int64, weight: Int64) {
        #expect(CgroupTranslation.cpuWeight(milliCPU: milliCPU) == weight)
    }

    @Test(arguments: [(0, nil), (1, 1000), (10, 1000), (500, 50_000), (2500, 250_000)] as [(Int64, Int64?)])
    func quota(milliCPU: Int64, quota: Int64?) {
        #expect(CgroupTranslation.cpuQuota(milliCPU: milliCPU) == quota)
    }

    @Test func aContainer() {
        var resources = ResourceRequirements()
        resources.requests = ["cpu": "100m", "memory": "128Mi"]
        resources.limits = ["cpu": "500m", "memory": "256Mi"]
        #expect(
            CgroupTranslation.container(resources)
                == CgroupResources(
                    cpuQuota: 50_000, cpuPeriod: 100_000, cpuWeight: 4, memoryMax: 256 << 20, oomGroup: true))
        #expect(CgroupTranslation.container(ResourceRequirements()) == CgroupResources(cpuWeight: 1, oomGroup: true))
    }

    @Test func aPodsLimitsAreSumsWhereAllHaveThem() {
        let pod = Pod.test(containers: ["a", "b"]) {
            for index in $0.spec.containers.indices {
                $0.spec.containers[index].resources.limits = ["cpu": "250m", "memory": "64Mi"]
            }
        }
        #expect(
            CgroupTranslation.pod(pod.spec, pidsMax: 100)
                == CgroupResources(
                    cpuQuota: 50_000, cpuPeriod: 100_000, cpuWeight: 20, memoryMax: 128 << 20, pidsMax: 100))
        var partly = pod
        partly.spec.containers[1].resources.limits = [:]
        #expect(CgroupTranslation.pod(partly.spec, pidsMax: nil).memoryMax == nil)
        // An init container that may use more than the others together.
        var starting = pod
        starting.spec.initContainers = [
            Container.test("i").with { $0.resources.limits = ["cpu": "1", "memory": "1Gi"] }
        ]
        #expect(CgroupTranslation.pod(starting.spec, pidsMax: nil).memoryMax == 1 << 30)
    }

    @Test(arguments: [("0", 999), ("4Gi", 500), ("8Gi", 3), ("1Ki", 999)])
    func outOfMemoryScore(request: String, score: Int) {
        let container = Container.test("a").with { $0.resources.requests = ["memory": Quantity(request)] }
        #expect(CgroupTranslation.oomScoreAdjust(container, qos: .burstable, memoryCapacity: 8 << 30) == score)
        #expect(CgroupTranslation.oomScoreAdjust(container, qos: .bestEffort, memoryCapacity: 8 << 30) == 1000)
        #expect(CgroupTranslation.oomScoreAdjust(container, qos: .guaranteed, memoryCapacity: 8 << 30) == -997)
    }

    @Test func securityAndUser() {
        var pod = PodSecurityContext()
        pod.runAsUser = 1000
        pod.runAsNonRoot = true
        pod.fsGroup = 2000
        pod.supplementalGroups = [3000]
        var own = SecurityContext()
        own.runAsUser = 5
        own.allowPrivilegeEscalation = false
        own.capabilities = Capabilities()
        own.capabilities?.drop = ["ALL"]
        #expect(
            RuntimeContainerUser(own, pod)
                == RuntimeContainerUser(
                    uid: 5, gid: nil, supplementalGroups: [3000, 2000], mustNotBeRoot: true))
        let security = ContainerSecurity(own, pod)
        #expect(security.noNewPrivileges && security.dropCapabilities == ["ALL"] && security.seccomp == .runtimeDefault)
        own.privileged = true
        #expect(ContainerSecurity(own, pod).seccomp == .unconfined)
    }

    @Test func sandbox() {
        let configuration = NodeConfiguration(
            nodeName: "n", dataDirectory: "/d", runDirectory: "/r", podCIDR: "10.0.0.0/24")
        let long = String(repeating: "a", count: 62) + "-b"
        let plain = SandboxConfiguration(.test(long), configuration: configuration, resolvConf: "")
        #expect(plain.hostname == String(repeating: "a", count: 62))
        #expect(plain.logDirectory == "/var/log/pods/default_\(long)_uid-\(long)")
        let named = SandboxConfiguration(
            .test {
                $0.spec.hostname = "db-0"; $0.spec.subdomain = "db"
            }, configuration: configuration, resolvConf: "")
        #expect(named.hostname == "db-0")
        #expect(named.fqdn == "db-0.db.default.svc.cluster.local")
    }

    @Test(arguments: [
        ("nginx", true), ("nginx:1.25", true), ("library/nginx", true), ("reg.example:5000/team/web:1", true),
        ("web@sha256:" + String(repeating: "a", count: 64), true), ("Nginx", false), ("nginx:", false), ("", false),
        ("a b", false), ("nginx::1", false), ("-a", false), ("a__b", true), ("a___b", false), ("localhost/a", true),
        ("web:" + String(repeating: "x", count: 129), false),
    ])
    func imageNames(name: String, isValid: Bool) {
        #expect(ImageName.isValid(name) == isValid)
    }

    @Test func admission() {
        let admission = NodeAdmission(allocatable: ["cpu": "4", "memory": "1Gi", "pods": "2"], labels: ["disk": "ssd"])
        let pod = Pod.test { $0.spec.containers[0].resources.requests = ["cpu": "2", "memory": "600Mi"] }
        #expect(admission.rejection(of: pod, others: []) == nil)
        #expect(
            admission.rejection(of: pod, others: [["cpu": "2500m"]])?.message
                == "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 2500, capacity: 4000"
        )
        #expect(admission.rejection(of: pod, others: [["memory": "600Mi"]])?.reason == "OutOfmemory")
        #expect(admission.rejection(of: pod, others: [[:], [:]])?.reason == "OutOfpods")
        #expect(
            admission.rejection(of: .test { $0.spec.nodeSelector = ["disk": "hdd"] }, others: [])?.reason
                == "NodeAffinity")
    }
}
