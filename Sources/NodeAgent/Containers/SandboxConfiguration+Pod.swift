import KubernetesAPI
import PodRuntime

extension SandboxConfiguration {
    /// A pod as Linux is told about it.
    /// - Parameters:
    ///   - pod: as it is allocated.
    ///   - resolvConf: the whole of /etc/resolv.conf.
    /// - Throws: where the kernel cannot take the host name that the pod asks for.
    init(
        _ pod: Pod, resources: CgroupResources, configuration: NodeConfiguration, resolvConf: String
    ) throws(RuntimeError) {
        let spec = pod.spec
        let short = Self.hostname(of: pod)
        // A name that was chosen whole has no domain (KEP-4762).
        let fqdn: String? =
            spec.subdomain.isEmpty || spec.hostnameOverride?.isEmpty == false
            ? nil : "\(short).\(spec.subdomain).\(pod.metadata.namespace).svc.\(configuration.clusterDomain)"
        let hostname = spec.setHostnameAsFQDN == true ? fqdn ?? short : short
        guard hostname.utf8.count <= Self.maxHostname else {
            throw RuntimeError(
                .sandbox, step: "hostname", object: hostname,
                message: "Failed to construct FQDN from pod hostname and cluster domain, FQDN \(hostname) is too long "
                    + "(\(Self.maxHostname) characters is the max, \(hostname.utf8.count) characters requested)")
        }
        self.init(
            id: pod.metadata.uid, name: pod.metadata.name, namespace: pod.metadata.namespace,
            hostname: hostname,
            qos: CgroupTranslation.qualityOfService(spec),
            resources: resources,
            hostNetwork: spec.hostNetwork, hostPID: spec.hostPID, hostIPC: spec.hostIPC,
            shareProcessNamespace: spec.shareProcessNamespace == true, userNamespace: spec.hostUsers == false,
            resolvConf: resolvConf,
            hostAliases: spec.hostAliases.map { RuntimeHostAlias(ip: $0.ip, hostnames: $0.hostnames) }, fqdn: fqdn,
            shortName: short,
            sysctls: Dictionary(
                (spec.securityContext?.sysctls ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
            logDirectory: Self.logDirectory(of: pod.metadata, root: configuration.logDirectory),
            labels: [Self.allocationLabel: PodAllocation(spec).text])
    }

    /// Of Linux (`__NEW_UTS_LEN`).
    private static let maxHostname = 64

    /// `<root>/<namespace>_<name>_<uid>`.
    static func logDirectory(of metadata: ObjectMeta, root: String) -> String {
        "\(root)/\(metadata.namespace)_\(metadata.name)_\(metadata.uid)"
    }

    /// The pod's own name for itself, or its object's, cut to what a host name may be.
    static func hostname(of pod: Pod) -> String {
        if let override = pod.spec.hostnameOverride, !override.isEmpty { return override }
        if !pod.spec.hostname.isEmpty { return pod.spec.hostname }
        var name = String(pod.metadata.name.prefix(63))
        while let last = name.last, last == "-" || last == "." { name.removeLast() }
        return name
    }
}
