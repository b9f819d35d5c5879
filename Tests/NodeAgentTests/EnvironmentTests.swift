import Foundation
import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

struct EnvironmentTests {
    @Test(arguments: [
        ("plain", "plain"), ("$(A)", "a"), ("x$(A)y$(B)", "xayb"), ("$(MISSING)", "$(MISSING)"), ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"), ("$A", "$A"), ("$(A", "$(A"), ("$", "$"), ("$$", "$"), ("$()", "$()"), ("a$(A)$", "aa$"),
    ])
    func expands(text: String, result: String) {
        #expect(Expansion.expand(text) { ["A": "a", "B": "b"][$0] } == result)
    }

    private static let fields = DownwardFields(
        pod: .test {
            $0.metadata.labels = ["app": "api", "tier": "front \"end\""]
            $0.spec.containers[0].resources.limits = ["cpu": "1500m"]
            $0.spec.containers[0].resources.requests = ["memory": "100M"]
        },
        podAddresses: ["10.244.0.2"], nodeAddresses: ["192.0.2.1"],
        allocatable: ["cpu": "4", "memory": "1Gi"])

    private func environment(
        _ objects: ReferencedObjects = ReferencedObjects(namespace: "default"), _ change: (inout Container) -> Void
    ) throws(ReferenceError) -> ContainerEnvironment {
        try ContainerEnvironment(Container.test("web").with(change), objects: objects, fields: Self.fields)
    }

    private func variable(_ name: String, _ value: String) -> EnvVar {
        var variable = EnvVar()
        variable.name = name
        variable.value = value
        return variable
    }

    @Test func laterVariablesSeeEarlierOnes() throws {
        let environment = try environment {
            $0.env = [
                self.variable("HOST", "db"), self.variable("URL", "postgres://$(HOST):$(PORT)"),
                self.variable("PORT", "1"),
            ]
        }
        #expect(environment.variables.map(\.value) == ["db", "postgres://db:$(PORT)", "1"])
        #expect(environment.expand("--url=$(URL)") == "--url=postgres://db:$(PORT)")
    }

    @Test func envOverridesEnvFrom() throws {
        var configMap = ConfigMap()
        configMap.data = ["LEVEL": "info", "bad=key": "x", "MODE": "fast"]
        let objects = ReferencedObjects(namespace: "default", configMaps: ["settings": configMap])
        let environment = try environment(objects) {
            var source = EnvFromSource()
            source.prefix = "APP_"
            source.configMapRef = ConfigMapEnvSource()
            source.configMapRef?.name = "settings"
            $0.envFrom = [source]
            $0.env = [self.variable("APP_LEVEL", "debug")]
        }
        #expect(
            Dictionary(uniqueKeysWithValues: environment.variables.map { ($0.name, $0.value) }) == [
                "APP_LEVEL": "debug", "APP_MODE": "fast",
            ])
        #expect(environment.invalidKeys == ["APP_bad=key"])
    }

    private func reference(_ kind: WritableKeyPath<EnvVarSource, ConfigMapKeySelector?>, optional: Bool?) -> EnvVar {
        var variable = variable("V", "")
        variable.valueFrom = EnvVarSource()
        variable.valueFrom?[keyPath: kind] = ConfigMapKeySelector()
        variable.valueFrom?[keyPath: kind]?.name = "settings"
        variable.valueFrom?[keyPath: kind]?.key = "level"
        variable.valueFrom?[keyPath: kind]?.optional = optional
        return variable
    }

    @Test func whatIsMissingIsNamed() throws {
        #expect(throws: ReferenceError(message: "configmap \"settings\" not found")) {
            _ = try self.environment { $0.env = [self.reference(\.configMapKeyRef, optional: nil)] }
        }
        let objects = ReferencedObjects(namespace: "default", configMaps: ["settings": ConfigMap()])
        #expect(throws: ReferenceError(message: "couldn't find key level in ConfigMap default/settings")) {
            _ = try self.environment(objects) { $0.env = [self.reference(\.configMapKeyRef, optional: false)] }
        }
        #expect(try environment { $0.env = [self.reference(\.configMapKeyRef, optional: true)] }.variables.isEmpty)
        #expect(
            try environment(objects) { $0.env = [self.reference(\.configMapKeyRef, optional: true)] }.variables.isEmpty)
    }

    @Test(arguments: [
        ("metadata.name", "web"), ("metadata.namespace", "default"), ("metadata.uid", "uid-web"),
        ("spec.nodeName", "node"), ("status.podIP", "10.244.0.2"), ("status.hostIP", "192.0.2.1"),
        ("metadata.labels['app']", "api"), ("metadata.labels['none']", ""),
        ("metadata.labels", "app=\"api\"\ntier=\"front \\\"end\\\"\""),
    ])
    func fieldsOfThePod(path: String, value: String) throws {
        #expect(try Self.fields.value(of: path) == value)
    }

    @Test(
        arguments: [
            ("limits.cpu", nil, "2"), ("limits.cpu", "1m", "1500"), ("limits.memory", nil, "1073741824"),
            ("limits.memory", "1Mi", "1024"), ("requests.memory", "1M", "100"), ("requests.memory", "1Mi", "96"),
            ("requests.cpu", "1m", "1500"), ("requests.ephemeral-storage", nil, "0"),
        ] as [(String, String?, String)])
    func resourcesAreRoundedUp(resource: String, divisor: String?, value: String) throws {
        var selector = ResourceFieldSelector()
        selector.resource = resource
        selector.divisor = divisor.map { Quantity($0) }
        #expect(try Self.fields.value(of: selector, container: "web") == value)
    }

    @Test func resolverOfTheCluster() {
        let host = ResolverConfiguration(
            parsing: "# a\nnameserver 192.0.2.53\nsearch example.org\noptions edns0 trust-ad\n")
        #expect(host.nameservers == ["192.0.2.53"])
        func text(_ dns: [String], _ change: (inout Pod) -> Void = { _ in }) -> String {
            ResolverConfiguration(.test("web", change), host: host, clusterDNS: dns, clusterDomain: "cluster.local")
                .text
        }
        #expect(text([]) == "search example.org\nnameserver 192.0.2.53\noptions edns0 trust-ad\n")
        #expect(
            text(["10.96.0.10"])
                == "search default.svc.cluster.local svc.cluster.local cluster.local example.org\n"
                + "nameserver 10.96.0.10\noptions ndots:5\n")
        #expect(text(["10.96.0.10"]) { $0.spec.dnsPolicy = .default } == host.text)
        #expect(
            text(["10.96.0.10"]) {
                $0.spec.dnsPolicy = .none
                $0.spec.dnsConfig = PodDNSConfig()
                $0.spec.dnsConfig?.nameservers = ["1.1.1.1"]
            } == "nameserver 1.1.1.1\n")
        // On the host's network the cluster's servers are asked only where the pod says so.
        #expect(text(["10.96.0.10"]) { $0.spec.hostNetwork = true } == host.text)
        #expect(
            text(["10.96.0.10"]) {
                $0.spec.hostNetwork = true
                $0.spec.dnsPolicy = .clusterFirstWithHostNet
            }.contains("nameserver 10.96.0.10\n"))
    }

    @Test func ownNameServersSearchesAndOptionsComeAfterThePolicys() {
        let pod = Pod.test {
            $0.spec.dnsConfig = PodDNSConfig()
            $0.spec.dnsConfig?.nameservers = ["1.1.1.1", "10.96.0.10"]
            $0.spec.dnsConfig?.searches = ["example.org", "svc.cluster.local"]
            $0.spec.dnsConfig?.options = [("ndots", "2"), ("edns0", nil)].map { name, value in
                var option = PodDNSConfigOption()
                option.name = name
                option.value = value
                return option
            }
        }
        let resolver = ResolverConfiguration(
            pod, host: ResolverConfiguration(parsing: "search lan.\n"), clusterDNS: ["10.96.0.10"],
            clusterDomain: "cluster.local")
        #expect(
            resolver.text
                == "search default.svc.cluster.local svc.cluster.local cluster.local lan example.org\n"
                + "nameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:2 edns0\n")
        #expect(resolver.problems.isEmpty)
    }

    @Test func whatResolversCannotTakeIsLeftOutAndTold() {
        func resolver(_ change: (inout PodDNSConfig) -> Void) -> ResolverConfiguration {
            var config = PodDNSConfig()
            config.nameservers = ["1.1.1.1"]
            change(&config)
            return ResolverConfiguration(
                .test {
                    $0.spec.dnsPolicy = .none
                    $0.spec.dnsConfig = config
                }, host: ResolverConfiguration(), clusterDNS: [], clusterDomain: "cluster.local")
        }
        let servers = resolver { $0.nameservers = ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"] }
        #expect(servers.nameservers == ["1.1.1.1", "2.2.2.2", "3.3.3.3"])
        #expect(
            servers.problems == [
                ResolverConfiguration.Problem(
                    reason: "DNSConfigForming",
                    message: "Nameserver limits were exceeded, some nameservers have been omitted, the applied "
                        + "nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3")
            ])
        #expect(resolver { $0.searches = (0..<33).map { "s\($0)" } }.searches.count == 32)
        #expect(resolver { $0.searches = (0..<32).map { "s\($0)" } }.problems.isEmpty)
        let long = String(repeating: "x", count: 254)
        let one = resolver { $0.searches = ["a", long, "b"] }
        #expect(one.searches == ["a", "b"])
        #expect(
            one.problems.map(\.message) == [
                "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: a b"
            ])
        // 2,048 bytes with the blanks between them.
        let name = String(repeating: "y", count: 250)
        let many = resolver { $0.searches = (0..<9).map { "\($0)\(name)" } }
        #expect(many.searches.count == 8)
        #expect(many.problems.count == 1)
    }

    @Test func aNodeWithoutClusterDNSSaysSo() {
        let resolver = ResolverConfiguration(
            .test(), host: ResolverConfiguration(), clusterDNS: [], clusterDomain: "cluster.local")
        #expect(resolver.problems.map(\.reason) == ["MissingClusterDNS"])
    }
}

struct VolumeContentTests {
    private func items(_ pairs: [(String, String)]) -> [KeyToPath] {
        pairs.map { key, path in
            var item = KeyToPath()
            item.key = key
            item.path = path
            return item
        }
    }

    @Test func secretsAndConfigMapsAreFiles() throws {
        var secret = Secret()
        secret.data = ["user": Data("me".utf8), "password": Data("x".utf8)]
        var configMap = ConfigMap()
        configMap.data = ["app.conf": "a=1"]
        configMap.binaryData = ["logo": Data([0, 255])]
        let content = VolumeContent(
            objects: ReferencedObjects(namespace: "default", secrets: ["s": secret], configMaps: ["c": configMap]),
            fields: DownwardFields(pod: .test(), podAddresses: [], nodeAddresses: [], allocatable: [:]))
        var volume = Volume()
        volume.secret = SecretVolumeSource()
        volume.secret?.secretName = "s"
        volume.secret?.defaultMode = 0o400
        #expect(
            try content.files(of: volume) == [
                VolumeFile(path: "password", content: Array("x".utf8), mode: 0o400),
                VolumeFile(path: "user", content: Array("me".utf8), mode: 0o400),
            ])
        volume.secret?.items = items([("user", "deep/name")])
        #expect(try content.files(of: volume).map(\.path) == ["deep/name"])
        volume.secret?.items = items([("nobody", "x")])
        #expect(throws: ReferenceError(message: "references non-existent secret key: nobody")) {
            _ = try content.files(of: volume)
        }
        volume.secret?.optional = true
        #expect(try content.files(of: volume).isEmpty)

        var projected = Volume()
        var first = VolumeProjection()
        first.configMap = ConfigMapProjection()
        first.configMap?.name = "c"
        var second = VolumeProjection()
        second.downwardAPI = DownwardAPIProjection()
        var name = DownwardAPIVolumeFile()
        name.path = "name"
        name.fieldRef = ObjectFieldSelector()
        name.fieldRef?.fieldPath = "metadata.name"
        second.downwardAPI?.items = [name]
        projected.projected = ProjectedVolumeSource()
        projected.projected?.sources = [first, second]
        #expect(
            try content.files(of: projected) == [
                VolumeFile(path: "app.conf", content: Array("a=1".utf8), mode: 0o644),
                VolumeFile(path: "logo", content: [0, 255], mode: 0o644),
                VolumeFile(path: "name", content: Array("web".utf8), mode: 0o644),
            ])
    }
}
