import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

struct PodConfigurationTests {
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
            nodeName: "n", dataDirectory: "/d", runDirectory: "/r", podCIDRs: [])
        let long = String(repeating: "a", count: 62) + "-b"
        let plain = SandboxConfiguration(
            .test(long), resources: CgroupResources(), configuration: configuration, resolvConf: "")
        #expect(plain.hostname == String(repeating: "a", count: 62))
        #expect(plain.logDirectory == "/var/log/pods/default_\(long)_uid-\(long)")
        let named = SandboxConfiguration(
            .test {
                $0.spec.hostname = "db-0"; $0.spec.subdomain = "db"
            }, resources: CgroupResources(), configuration: configuration, resolvConf: "")
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
