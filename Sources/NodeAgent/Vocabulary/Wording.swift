import KubernetesAPI

/// Sentences that more than one place says, in the kubelet's wording.
enum Wording {
    /// `name_namespace(uid)`: how the kubelet names a pod (`format.Pod`).
    static func pod(_ metadata: ObjectMeta) -> String {
        "\(metadata.name)_\(metadata.namespace)(\(metadata.uid))"
    }

    static func crashBackoff(_ delay: Duration, container: String, pod: ObjectMeta) -> String {
        "back-off \(goDuration(delay)) restarting failed container=\(container) pod=\(Self.pod(pod))"
    }

    /// A whole number of seconds as Go writes a duration: `10s`, `1m20s`, `5m0s`, `1h0m0s`.
    static func goDuration(_ duration: Duration) -> String {
        let total = duration.components.seconds
        let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60)
        if hours > 0 { return "\(hours)h\(minutes)m\(seconds)s" }
        if minutes > 0 { return "\(minutes)m\(seconds)s" }
        return "\(seconds)s"
    }

    /// The event's `fieldPath` that names a container of a pod.
    static func fieldPath(container: String, isInit: Bool) -> String {
        "spec.\(isInit ? "initContainers" : "containers"){\(container)}"
    }
}
