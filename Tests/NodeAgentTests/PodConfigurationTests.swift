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

    @Test func sandbox() throws {
        let configuration = NodeConfiguration(
            nodeName: "n", dataDirectory: "/d", runDirectory: "/r", podCIDRs: [])
        let long = String(repeating: "a", count: 62) + "-b"
        let plain = try SandboxConfiguration(
            .test(long), resources: CgroupResources(), configuration: configuration, resolvConf: "")
        #expect(plain.hostname == String(repeating: "a", count: 62))
        #expect(plain.logDirectory == "/var/log/pods/default_\(long)_uid-\(long)")
        let named = try SandboxConfiguration(
            .test {
                $0.spec.hostname = "db-0"; $0.spec.subdomain = "db"
            }, resources: CgroupResources(), configuration: configuration, resolvConf: "")
        #expect(named.hostname == "db-0")
        #expect(named.fqdn == "db-0.db.default.svc.cluster.local")
        #expect(named.shortName == "db-0")
        func whole(_ subdomain: String) throws -> SandboxConfiguration {
            try SandboxConfiguration(
                .test {
                    $0.spec.hostname = "db-0"
                    $0.spec.subdomain = subdomain
                    $0.spec.setHostnameAsFQDN = true
                }, resources: CgroupResources(), configuration: configuration, resolvConf: "")
        }
        #expect(try whole("db").hostname == "db-0.db.default.svc.cluster.local")
        #expect(try whole("db").shortName == "db-0")
        // 64 bytes are the most that Linux takes.
        let longest = String(repeating: "d", count: 64 - "db-0..default.svc.cluster.local".utf8.count)
        #expect(try whole(longest).hostname.utf8.count == 64)
        let error = #expect(throws: RuntimeError.self) { try whole(longest + "d") }
        #expect(
            error?.message == "Failed to construct FQDN from pod hostname and cluster domain, FQDN "
                + "db-0.\(longest)d.default.svc.cluster.local is too long (64 characters is the max, 65 characters requested)"
        )
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

    /// The kubelet's list and words.
    @Test(
        arguments: [
            ("net.ipv4.tcp_syncookies", false, nil), ("net/ipv4/tcp_syncookies", false, nil),
            ("kernel.msgmax", false, "forbidden sysctl: \"kernel.msgmax\" not allowlisted"),
            ("net.core.somaxconn", false, "forbidden sysctl: \"net.core.somaxconn\" not allowlisted"),
            ("net.ipv4.conf.eth0.forwarding", false, nil),
            (
                "net.ipv4.tcp_syncookies", true,
                "forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host net enabled"
            ),
            ("vm.swappiness", false, "forbidden sysctl: \"vm.swappiness\" not allowlisted"),
        ] as [(String, Bool, String?)])
    func sysctls(_ name: String, hostNetwork: Bool, problem: String?) throws {
        let list = try #require(SysctlAllowlist(unsafe: ["net.ipv4.conf.*"]))
        let admission = NodeAdmission(allocatable: [:], labels: [:], sysctls: list)
        let pod = Pod.test {
            var sysctl = Sysctl()
            sysctl.name = name
            sysctl.value = "1"
            var context = PodSecurityContext()
            context.sysctls = [sysctl]
            $0.spec.securityContext = context
            $0.spec.hostNetwork = hostNetwork
        }
        let rejection = admission.rejection(of: pod, others: [])
        #expect(rejection?.problem == problem)
        #expect(rejection?.reason == problem.map { _ in "SysctlForbidden" })
    }

    @Test func onlyParametersOfAPodsNamespacesCanBeAllowed() {
        #expect(SysctlAllowlist(unsafe: ["kernel.msg*", "net.core.somaxconn", "fs.mqueue.*"]) != nil)
        #expect(SysctlAllowlist(unsafe: ["vm.swappiness"]) == nil && SysctlAllowlist(unsafe: ["*"]) == nil)
    }
}
