import KubernetesAPI
import Logging

/// Sees to it that the roles and bindings are there that Kubernetes begins with: at every start what is missing of
/// them is added again, unless their annotation `rbac.authorization.kubernetes.io/autoupdate` says otherwise
/// (`pkg/registry/rbac/reconciliation`).
struct BootstrapPolicy: Sendable {
    static let autoupdate = "rbac.authorization.kubernetes.io/autoupdate"
    static let bootstrapping = (label: "kubernetes.io/bootstrapping", value: "rbac-defaults")

    let client: APIClient

    func reconcile() async throws {
        for role in BootstrapRoles.clusterRoles { try await reconcile(role) }
        for binding in BootstrapRoles.clusterRoleBindings { try await reconcile(binding) }
    }

    private func present<Object: KubernetesObject>(_ object: Object) async throws -> Object? {
        do {
            return try await client.get(Object.self, object.metadata.name)
        } catch let error as APIError where error.isNotFound {
            _ = try await client.create(object)
            return nil
        }
    }

    private static func isManaged(_ metadata: ObjectMeta) -> Bool { metadata.annotations[autoupdate] != "false" }

    private static func complete(_ metadata: inout ObjectMeta, from wanted: ObjectMeta) {
        metadata.labels.merge(wanted.labels) { present, _ in present }
        metadata.annotations.merge(wanted.annotations) { present, _ in present }
    }

    private func reconcile(_ wanted: ClusterRole) async throws {
        guard var role = try await present(wanted), Self.isManaged(role.metadata) else { return }
        let before = role
        Self.complete(&role.metadata, from: wanted.metadata)
        if let aggregation = wanted.aggregationRule {
            // Its rules come from others.
            var selectors = role.aggregationRule?.clusterRoleSelectors ?? []
            selectors += aggregation.clusterRoleSelectors.filter { !selectors.contains($0) }
            role.aggregationRule = aggregation
            role.aggregationRule?.clusterRoleSelectors = selectors
        } else {
            role.rules += role.rules.missing(from: wanted.rules).compacted
        }
        if role != before { _ = try await client.update(role) }
    }

    private func reconcile(_ wanted: ClusterRoleBinding) async throws {
        guard var binding = try await present(wanted), Self.isManaged(binding.metadata) else { return }
        guard binding.roleRef == wanted.roleRef else {
            // What a binding is of cannot be changed.
            _ = try await client.delete(ClusterRoleBinding.self, wanted.metadata.name)
            _ = try await client.create(wanted)
            return
        }
        let before = binding
        Self.complete(&binding.metadata, from: wanted.metadata)
        binding.subjects += wanted.subjects.filter { !binding.subjects.contains($0) }
        if binding != before { _ = try await client.update(binding) }
    }
}
