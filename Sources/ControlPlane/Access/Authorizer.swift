import KubernetesAPI
import Synchronization

/// Decides by RBAC who may do what, on the roles and bindings that the store has at that moment.
///
/// What is derived from them is kept until one of them changes, which a comparison of versions tells: a request that
/// follows a change sees it. Objects that stayed the same are not decoded again.
final class Authorizer: Sendable {
    private struct Known<Object: KubernetesObject>: Sendable {
        var objects: [ObjectKey: (version: Int64, object: Object)] = [:]

        /// The collection's objects, of which only changed ones are decoded. What cannot be read grants nothing.
        mutating func refresh(_ stored: [StoredObject]) -> [Object] {
            var fresh: [ObjectKey: (version: Int64, object: Object)] = [:]
            fresh.reserveCapacity(stored.count)
            var all: [Object] = []
            for object in stored {
                if let known = objects[object.key], known.version == object.resourceVersion {
                    fresh[object.key] = known
                } else if let decoded = try? Object(json: object.value) {
                    fresh[object.key] = (object.resourceVersion, decoded)
                }
                if let known = fresh[object.key] { all.append(known.object) }
            }
            objects = fresh
            return all
        }
    }

    private struct State: Sendable {
        /// The store's version of what the policy was made of; -1 before the first time.
        var version: Int64 = -1
        var policy = AccessPolicy()
        var roles = Known<Role>()
        var clusterRoles = Known<ClusterRole>()
        var bindings = Known<RoleBinding>()
        var clusterBindings = Known<ClusterRoleBinding>()
    }

    private static let roles = "roles.\(RoleRef.group)"
    private static let clusterRoles = "clusterroles.\(RoleRef.group)"
    private static let bindings = "rolebindings.\(RoleRef.group)"
    private static let clusterBindings = "clusterrolebindings.\(RoleRef.group)"

    private let store: Store
    private let state = Mutex(State())

    init(store: Store) { self.store = store }

    /// The policy as it is now.
    var policy: AccessPolicy {
        let version = store.version(ofLastChangeIn: [
            Self.roles, Self.clusterRoles, Self.bindings, Self.clusterBindings,
        ])
        return state.withLock { state in
            guard state.version < version else { return state.policy }
            func objects(_ collection: String) -> [StoredObject] {
                // The present is never compacted.
                ((try? store.objects(collection, namespace: ""))?.objects) ?? []
            }
            state.policy = AccessPolicy(
                roles: state.roles.refresh(objects(Self.roles)),
                clusterRoles: state.clusterRoles.refresh(objects(Self.clusterRoles)),
                bindings: state.bindings.refresh(objects(Self.bindings)),
                clusterBindings: state.clusterBindings.refresh(objects(Self.clusterBindings)))
            state.version = version
            return state.policy
        }
    }

    func decide(_ attributes: AccessAttributes, for user: User) -> AccessDecision {
        // Most requests are the administrator's.
        user.isAdministrator ? .allowed(by: nil) : policy.decide(attributes, for: user)
    }
}
