import KubernetesAPI
import Logging
import PodRuntime

/// Keeps the Node object and its Lease (kubelet: `kubelet_node_status.go`, `nodestatus/setters.go`): the lease every ten
/// seconds, the status when it changes, the conditions of pressure at once, and every five minutes.
struct NodeRegistrar: Sendable {
    static let leaseDuration: Int32 = 40
    static let renewPeriod = Duration.seconds(10)
    static let statusPeriod = Duration.seconds(300)
    static let leaseNamespace = "kube-node-lease"
    static let maxImages = 50
    /// What the pods' supervisors take beside their pods: `supervisors=3,memory=1230Ki,memory-per-pod=410Ki`.
    static let overheadAnnotation = "minikube-lite/system-overhead"

    let client: APIClient
    let runtime: any Runtime
    let configuration: NodeConfiguration
    let facts: NodeFacts
    let events: EventRecorder
    let pressure: NodePressure
    let time: TimeSource
    let logger: Logger

    /// Registers the node, then keeps it alive until the task is cancelled.
    func run() async {
        record(.normal, EventReason.starting, "Starting kubelet.")
        var retry = RetryDelay(first: .milliseconds(200), cap: .seconds(7))
        while !Task.isCancelled {
            do {
                try await register()
                break
            } catch {
                logger.warning("node not registered", metadata: ["error": "\(error)"])
                try? await time.sleep(for: retry.next())
            }
        }
        let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { [time] in
                repeat { ring.yield() } while (try? await time.sleep(for: Self.renewPeriod)) != nil
            }
            group.addTask { [pressure] in for await _ in pressure.changes { ring.yield() } }
            await keep(bell)
            group.cancelAll()
        }
    }

    /// Looks at everything with each ring.
    private func keep(_ bell: AsyncStream<Void>) async {
        var told: NodeStatus?
        var sinceStatus = time.stopwatch()
        var sinceRenewal: (@Sendable () -> Duration)?
        for await _ in bell {
            // After a pause as long as the lease, others may have written that nothing is known of this node.
            if let sinceRenewal, sinceRenewal() > .seconds(Int64(Self.leaseDuration)) { told = nil }
            let status = await self.status(previous: told)
            if told == nil || !Self.isSame(status, told) || sinceStatus() >= Self.statusPeriod {
                do {
                    try await write(status)
                    announce(status, before: told)
                    told = status
                    sinceStatus = time.stopwatch()
                    try await tellOverhead()
                } catch {
                    logger.warning("node status not written", metadata: ["error": "\(error)"])
                }
            }
            // A change of the conditions between two periods is no reason to renew.
            if let sinceRenewal, sinceRenewal() < Self.renewPeriod / 2 { continue }
            do { try await renewLease() } catch {
                logger.warning("node lease not renewed", metadata: ["error": "\(error)"])
            }
            sinceRenewal = time.stopwatch()
        }
    }

    // MARK: Object

    private func register() async throws {
        var node = Node()
        node.metadata.name = configuration.nodeName
        node.metadata.labels = facts.labels
        node.spec.podCIDRs = configuration.podCIDRs.map(\.description)
        node.spec.podCIDR = node.spec.podCIDRs.first ?? ""
        node.status = await status(previous: nil)
        do {
            _ = try await client.create(node)
        } catch let error as APIError where error.isAlreadyExists {
            let known = try await client.get(Node.self, configuration.nodeName)
            if !known.spec.podCIDR.isEmpty, known.spec.podCIDR != node.spec.podCIDR {
                // A node's range never changes: with another one it is another node. The bridge of the former one, and with
                // it every pod, was removed before.
                try await client.delete(Node.self, configuration.nodeName)
                _ = try await client.create(node)
                return
            }
            _ = try await client.patch(
                Node.self, configuration.nodeName, .merge,
                [
                    "metadata": ["labels": facts.labels.json],
                    "spec": ["podCIDR": .string(node.spec.podCIDR), "podCIDRs": node.spec.podCIDRs.json],
                ])
        }
    }

    private func write(_ status: NodeStatus) async throws {
        do {
            _ = try await client.patch(
                Node.self, configuration.nodeName, subresource: "status", .merge, ["status": status.json])
        } catch let error as APIError where error.isNotFound {
            // Someone has deleted the node; it is there.
            try await register()
        }
    }

    /// The supervisors are not in their pods' cgroups: what they take is the system's, and comes out of what is reserved
    /// for it. Told with the status, at most every five minutes.
    private func tellOverhead() async throws {
        guard let node = try? await runtime.nodeStatistics() else { return }
        var words = ["supervisors=\(node.supervisors)"]
        if let used = node.system.memory?.current, node.supervisors > 0 {
            words.append("memory=\(used >> 10)Ki")
            words.append("memory-per-pod=\((used / Int64(node.supervisors)) >> 10)Ki")
            if used > configuration.pressure.reserved("memory").value {
                logger.warning(
                    "the pods' supervisors take more memory than is reserved for the system",
                    metadata: ["bytes": "\(used)"])
            }
        }
        _ = try await client.patch(
            Node.self, configuration.nodeName, .merge,
            ["metadata": ["annotations": [Self.overheadAnnotation: .string(words.joined(separator: ","))]]])
    }

    private func announce(_ status: NodeStatus, before: NodeStatus?) {
        for condition in status.conditions {
            let was = before?.conditions.first { $0.type == condition.type }?.status
            guard was != condition.status else { continue }
            let reason: String? =
                switch (condition.type, condition.status) {
                case (.ready, .true): EventReason.nodeReady
                case (.memoryPressure, .true): EventReason.nodeHasInsufficientMemory
                case (.memoryPressure, .false): EventReason.nodeHasSufficientMemory
                case (.diskPressure, .true): EventReason.nodeHasDiskPressure
                case (.diskPressure, .false): EventReason.nodeHasNoDiskPressure
                case (.pidPressure, .true): EventReason.nodeHasInsufficientPID
                case (.pidPressure, .false): EventReason.nodeHasSufficientPID
                default: nil
                }
            guard let reason else { continue }
            record(.normal, reason, "Node \(configuration.nodeName) status is now: \(reason)")
        }
    }

    private func record(_ type: EventRecorder.EventType, _ reason: String, _ message: String) {
        events.record(.node(configuration.nodeName), type, reason: reason, message: message)
    }

    // MARK: Status

    func status(previous: NodeStatus?) async -> NodeStatus {
        var status = NodeStatus()
        status.capacity = facts.capacity
        status.allocatable = facts.allocatable
        status.addresses =
            facts.addresses.map { address(.internalIP, $0) } + [address(.hostname, configuration.nodeName)]
        status.conditions = conditions(previous)
        status.nodeInfo.machineID = facts.machineID
        status.nodeInfo.systemUUID = facts.machineID
        status.nodeInfo.bootID = runtime.capabilities.bootID
        status.nodeInfo.kernelVersion = runtime.capabilities.kernelRelease
        status.nodeInfo.osImage = facts.osImage
        status.nodeInfo.containerRuntimeVersion = "minikube-lite://\(configuration.runtimeVersion)"
        status.nodeInfo.kubeletVersion = configuration.kubernetesVersion
        status.nodeInfo.operatingSystem = "linux"
        status.nodeInfo.architecture = facts.architecture
        let images = ((try? await runtime.images.list()) ?? []).sorted { $0.size > $1.size }
        status.images = images.prefix(Self.maxImages).map { image in
            var entry = ContainerImage()
            entry.names = image.references
            entry.sizeBytes = image.size
            return entry
        }
        return status
    }

    private func address(_ type: NodeAddressType, _ text: String) -> NodeAddress {
        var address = NodeAddress()
        address.type = type
        address.address = text
        return address
    }

    private func conditions(_ previous: NodeStatus?) -> [NodeCondition] {
        let low = pressure.conditions
        let (isMemoryLow, isDiskLow) = (low.contains(.memoryPressure), low.contains(.diskPressure))
        let isPIDLow = low.contains(.pidPressure)
        return [
            condition(
                .memoryPressure, isMemoryLow, isMemoryLow ? NodeReason.insufficientMemory : NodeReason.sufficientMemory,
                isMemoryLow ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available",
                previous),
            condition(
                .diskPressure, isDiskLow, isDiskLow ? NodeReason.diskPressure : NodeReason.noDiskPressure,
                isDiskLow ? "kubelet has disk pressure" : "kubelet has no disk pressure", previous),
            condition(
                .pidPressure, isPIDLow, isPIDLow ? NodeReason.insufficientPID : NodeReason.sufficientPID,
                isPIDLow ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available", previous),
            condition(
                NodeConditionType(rawValue: OwnConditionType.limitsEnforced), facts.unenforced == nil,
                facts.unenforced == nil ? NodeReason.allControllers : NodeReason.controllerMissing,
                facts.unenforced ?? NodeFacts.enforced(runtime.capabilities), previous),
            condition(.ready, true, NodeReason.kubeletReady, "kubelet is posting ready status", previous),
        ]
    }

    private func condition(
        _ type: NodeConditionType, _ isTrue: Bool, _ reason: String, _ message: String, _ previous: NodeStatus?
    ) -> NodeCondition {
        var condition = NodeCondition()
        condition.type = type
        condition.status = isTrue ? .true : .false
        condition.reason = reason
        condition.message = message
        condition.lastHeartbeatTime = time.now
        let before = previous?.conditions.first { $0.type == type }
        condition.lastTransitionTime =
            (before?.status == condition.status ? before?.lastTransitionTime : nil) ?? time.now
        return condition
    }

    /// Whether two statuses say the same, heartbeats aside.
    private static func isSame(_ left: NodeStatus, _ right: NodeStatus?) -> Bool {
        guard var right else { return false }
        var left = left
        for index in left.conditions.indices { left.conditions[index].lastHeartbeatTime = nil }
        for index in right.conditions.indices { right.conditions[index].lastHeartbeatTime = nil }
        return left == right
    }

    // MARK: Lease

    private func renewLease() async throws {
        let renewTime = time.preciseNow
        do {
            _ = try await client.patch(
                Lease.self, configuration.nodeName, namespace: Self.leaseNamespace, .merge,
                ["spec": ["renewTime": renewTime.json, "holderIdentity": .string(configuration.nodeName)]])
        } catch let error as APIError where error.isNotFound {
            var lease = Lease()
            lease.metadata.name = configuration.nodeName
            lease.metadata.namespace = Self.leaseNamespace
            lease.spec.holderIdentity = configuration.nodeName
            lease.spec.leaseDurationSeconds = Self.leaseDuration
            lease.spec.renewTime = renewTime
            _ = try await client.create(lease)
        }
    }
}

extension ObjectReference {
    /// The node, as the kubelet's events name it: by its name in the place of its uid, so that
    /// `kubectl describe node` finds them.
    static func node(_ name: String) -> ObjectReference {
        var reference = ObjectReference()
        reference.apiVersion = "v1"
        reference.kind = "Node"
        reference.name = name
        reference.uid = name
        return reference
    }
}
