extension Pod: DefaultedObject {
    public mutating func setDefaults() {
        spec.setDefaults()
        // These are a pod's only, not a template's: `SetDefaults_Pod`.
        if spec.enableServiceLinks == nil { spec.enableServiceLinks = true }
        spec.setResourceDefaults()
        if spec.hostNetwork {
            for index in spec.initContainers.indices { spec.initContainers[index].takeHostPorts() }
            for index in spec.containers.indices { spec.containers[index].takeHostPorts() }
        }
    }

    public mutating func prepareForCreate() {
        status = PodStatus()
        status.phase = .pending
        status.qosClass = spec.qosClass
        guard !spec.schedulingGates.isEmpty else { return }
        var gated = PodCondition()
        gated.type = .podScheduled
        gated.status = .false
        gated.reason = "SchedulingGated"
        gated.message = "Scheduling is blocked due to non-empty scheduling gates"
        status.conditions = [gated]
    }
}

extension PodSpec {
    /// A pod's or a template's (`SetDefaults_PodSpec`).
    mutating func setDefaults() {
        if restartPolicy.isEmpty { restartPolicy = .always }
        if dnsPolicy.isEmpty { dnsPolicy = .clusterFirst }
        if securityContext == nil { securityContext = PodSecurityContext() }
        if terminationGracePeriodSeconds == nil { terminationGracePeriodSeconds = 30 }
        if schedulerName.isEmpty { schedulerName = "default-scheduler" }
        // `serviceAccount` is the old name; both are kept alike.
        if serviceAccountName.isEmpty { serviceAccountName = serviceAccount }
        serviceAccount = serviceAccountName
        for index in volumes.indices { volumes[index].setDefaults() }
        for index in initContainers.indices { initContainers[index].setDefaults() }
        for index in containers.indices { containers[index].setDefaults() }
        if var podLevel = resources {
            podLevel.roundToMilli()
            resources = podLevel
        }
    }
}

extension PodTemplateSpec {
    mutating func setDefaults() { spec.setDefaults() }
}

extension Container {
    fileprivate mutating func takeHostPorts() {
        for index in ports.indices where ports[index].hostPort == 0 {
            ports[index].hostPort = ports[index].containerPort
        }
    }

    fileprivate mutating func setDefaults() {
        if imagePullPolicy.isEmpty {
            imagePullPolicy = ImageReference(image).tag == "latest" ? .always : .ifNotPresent
        }
        if terminationMessagePath.isEmpty { terminationMessagePath = "/dev/termination-log" }
        if terminationMessagePolicy.isEmpty { terminationMessagePolicy = .file }
        for index in ports.indices where ports[index].protocol.isEmpty { ports[index].protocol = .tcp }
        for index in env.indices { env[index].valueFrom?.setDefaults() }
        livenessProbe?.setDefaults()
        readinessProbe?.setDefaults()
        startupProbe?.setDefaults()
        lifecycle?.postStart?.httpGet?.setDefaults()
        lifecycle?.preStop?.httpGet?.setDefaults()
        resources.roundToMilli()
    }
}

extension EnvVarSource {
    fileprivate mutating func setDefaults() {
        if fieldRef?.apiVersion.isEmpty == true { fieldRef?.apiVersion = "v1" }
        if resourceFieldRef != nil, resourceFieldRef?.divisor == nil { resourceFieldRef?.divisor = "0" }
    }
}

extension Probe {
    fileprivate mutating func setDefaults() {
        if timeoutSeconds == 0 { timeoutSeconds = 1 }
        if periodSeconds == 0 { periodSeconds = 10 }
        if successThreshold == 0 { successThreshold = 1 }
        if failureThreshold == 0 { failureThreshold = 3 }
        httpGet?.setDefaults()
        if grpc != nil, grpc?.service == nil { grpc?.service = "" }
    }
}

extension HTTPGetAction {
    fileprivate mutating func setDefaults() {
        if path.isEmpty { path = "/" }
        if scheme.isEmpty { scheme = .http }
    }
}

extension Volume {
    /// The mode of files that the API gives to a volume's files: 0644.
    private static let fileMode: Int32 = 0o644

    fileprivate mutating func setDefaults() {
        if sourceNames.isEmpty { emptyDir = EmptyDirVolumeSource() }
        if secret != nil, secret?.defaultMode == nil { secret?.defaultMode = Self.fileMode }
        if configMap != nil, configMap?.defaultMode == nil { configMap?.defaultMode = Self.fileMode }
        if hostPath != nil, hostPath?.type == nil { hostPath?.type = HostPathType(rawValue: "") }
        if downwardAPI != nil {
            if downwardAPI?.defaultMode == nil { downwardAPI?.defaultMode = Self.fileMode }
            downwardAPI?.items.setDefaults()
        }
        guard var projected else { return }
        if projected.defaultMode == nil { projected.defaultMode = Self.fileMode }
        for index in projected.sources.indices {
            projected.sources[index].downwardAPI?.items.setDefaults()
            if let token = projected.sources[index].serviceAccountToken, token.expirationSeconds == nil {
                projected.sources[index].serviceAccountToken?.expirationSeconds = 3600
            }
        }
        self.projected = projected
    }

    /// The names of the sources that are set: a valid volume has one.
    var sourceNames: [String] { json.objectValue?.keys.filter { $0 != "name" } ?? [] }
}

extension [DownwardAPIVolumeFile] {
    fileprivate mutating func setDefaults() {
        for index in indices {
            if self[index].fieldRef?.apiVersion.isEmpty == true { self[index].fieldRef?.apiVersion = "v1" }
            if self[index].resourceFieldRef != nil, self[index].resourceFieldRef?.divisor == nil {
                self[index].resourceFieldRef?.divisor = "0"
            }
        }
    }
}
