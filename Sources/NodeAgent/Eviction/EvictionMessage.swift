import KubernetesAPI

/// Why a pod was evicted or not let in, in the kubelet's words (`eviction/helpers.go`). Each sentence ends with a space.
enum EvictionMessage {
    /// The node is short of a resource.
    static func nodeLow(
        on resource: EvictionResource, candidate: EvictionCandidate, due: [EvictionThreshold],
        signals: [EvictionSignal: SignalObservation]
    ) -> String {
        var text = "The node was low on resource: \(resource.rawValue). "
        for threshold in due where threshold.signal.resource == resource {
            guard let observed = signals[threshold.signal] else { continue }
            let quantity = threshold.quantity(of: observed.capacity).canonical
            let available = Quantity(observed.available, format: resource.format)
            text += "Threshold quantity: \(quantity), available: \(available). "
            break
        }
        guard let usage = candidate.usage else { return text }
        let pod = candidate.pod
        if resource == .memory, let request = pod.spec.resources?.requests["memory"], let used = usage.memory {
            text += consumer("Pod \(pod.metadata.name)", used, request, resource)
        }
        for container in pod.spec.containers + pod.spec.initContainers {
            let known = usage.containers[container.name]
            let used = resource == .memory ? known?.memory : resource == .ephemeralStorage ? known?.storage : nil
            let request = container.resources.requests[resource.rawValue] ?? "0"
            guard let used, used > request.value else { continue }
            text += consumer("Container \(container.name)", used, request, resource)
        }
        return text
    }

    private static func consumer(
        _ subject: String, _ used: Int64, _ request: Quantity, _ resource: EvictionResource
    ) -> String {
        "\(subject) was using \(Quantity(used, format: resource.format)), request is \(request.canonical), "
            + "has larger consumption of \(resource.rawValue). "
    }

    static func containerLimit(_ container: String, _ limit: Quantity) -> String {
        "Container \(container) exceeded its local ephemeral storage limit \"\(limit.canonical)\". "
    }

    static func podLimit(_ limit: Quantity) -> String {
        "Pod ephemeral local storage usage exceeds the total limit of containers \(limit.canonical). "
    }

    static func emptyDirLimit(_ volume: String, _ limit: Quantity) -> String {
        "Usage of EmptyDir volume \"\(volume)\" exceeds the limit \"\(limit.canonical)\". "
    }

    /// Of a pod that is not let in.
    static func conditions(_ conditions: Set<NodeConditionType>) -> String {
        "The node had condition: [\(conditions.map(\.rawValue).sorted().joined(separator: " "))]. "
    }
}

extension EvictionThreshold {
    /// As it was written, or the share of the capacity.
    fileprivate func quantity(of capacity: Int64) -> Quantity {
        switch amount {
        case .quantity(let quantity): quantity
        case .share: Quantity(amount.value(of: capacity), format: signal.resource.format)
        }
    }
}
