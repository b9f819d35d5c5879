extension Deployment: DefaultedObject {
    /// `SetDefaults_Deployment` of apps/v1.
    public mutating func setDefaults() {
        if spec.replicas == nil { spec.replicas = 1 }
        if spec.strategy.type.isEmpty { spec.strategy.type = .rollingUpdate }
        if spec.strategy.type == .rollingUpdate {
            var rolling = spec.strategy.rollingUpdate ?? RollingUpdateDeployment()
            if rolling.maxUnavailable == nil { rolling.maxUnavailable = "25%" }
            if rolling.maxSurge == nil { rolling.maxSurge = "25%" }
            spec.strategy.rollingUpdate = rolling
        }
        if spec.revisionHistoryLimit == nil { spec.revisionHistoryLimit = 10 }
        if spec.progressDeadlineSeconds == nil { spec.progressDeadlineSeconds = 600 }
        spec.template.setDefaults()
    }

    public mutating func prepareForCreate() {
        status = DeploymentStatus()
        metadata.generation = 1
    }
}

extension ReplicaSet: DefaultedObject {
    public mutating func setDefaults() {
        if spec.replicas == nil { spec.replicas = 1 }
        spec.template.setDefaults()
    }

    public mutating func prepareForCreate() {
        status = ReplicaSetStatus()
        metadata.generation = 1
    }
}

extension ReplicationController: DefaultedObject {
    /// `SetDefaults_ReplicationController`: what is not said of selector and labels is said by the template's labels.
    public mutating func setDefaults() {
        let labels = spec.template?.metadata.labels ?? [:]
        if spec.selector.isEmpty { spec.selector = labels }
        if metadata.labels.isEmpty { metadata.labels = labels }
        if spec.replicas == nil { spec.replicas = 1 }
        spec.template?.setDefaults()
    }

    public mutating func prepareForCreate() {
        status = ReplicationControllerStatus()
        metadata.generation = 1
    }
}

extension PodTemplate: DefaultedObject {
    public mutating func setDefaults() { template.setDefaults() }
}
