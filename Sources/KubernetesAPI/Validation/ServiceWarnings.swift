/// What the API server takes from a service and warns about (`pkg/api/service/warnings.go`).
extension Service {
    public var customaryWarnings: [String] {
        var warnings: [String] = []
        if metadata.annotations["service.kubernetes.io/topology-aware-hints"] != nil {
            warnings.append(
                "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
                    + "service.kubernetes.io/topology-mode instead")
        }
        if isHeadless {
            if !spec.loadBalancerIP.isEmpty { warnings.append("spec.loadBalancerIP is ignored for headless services") }
            if !spec.externalIPs.isEmpty { warnings.append("spec.externalIPs is ignored for headless services") }
            if spec.sessionAffinity != .none {
                warnings.append("spec.SessionAffinity is ignored for headless services")
            }
        } else if !spec.externalIPs.isEmpty {
            warnings.append(
                spec.type == .externalName
                    ? "spec.externalIPs is ignored when spec.type is \"ExternalName\""
                    : "spec.externalIPs is deprecated and may no longer be implemented in some clusters")
        }
        if spec.type != .externalName, !spec.externalName.isEmpty {
            warnings.append("spec.externalName is ignored when spec.type is not \"ExternalName\"")
        }
        return warnings
    }
}
