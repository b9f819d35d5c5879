import KubernetesAPI
import Logging

/// Keeps the rules of roles with an `aggregationRule` those of all roles that it selects
/// (`pkg/controller/clusterroleaggregation`).
final class ClusterRoleAggregation: Controller {
    private let client: APIClient
    private let logger: Logger
    private let roles: Informer<ClusterRole>
    private let queue: WorkQueue<String>

    init(client: APIClient, roles: Informer<ClusterRole>, time: TimeSource, logger: Logger) {
        self.client = client
        self.logger = logger
        self.roles = roles
        queue = WorkQueue(time: time)
        // Any role can be a part of any aggregated one; there are few of these.
        roles.onChange { [weak self] _ in
            guard let self else { return }
            for role in self.roles.cache.all where role.aggregationRule != nil { queue.add(role.metadata.name) }
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        for role in roles.cache.all where role.aggregationRule != nil { queue.add(role.metadata.name) }
        await queue.run(workers: 1, logger: logger, "a role is not aggregated yet") { [self] in try await sync($0) }
    }

    private func sync(_ name: String) async throws {
        guard var role = roles.cache[ObjectKey(namespace: "", name: name)], let aggregation = role.aggregationRule
        else {
            return
        }
        let rules = Self.rules(of: aggregation, in: roles.cache.all, except: name)
        guard rules != role.rules else { return }
        role.rules = rules
        do {
            _ = try await client.update(role)
        } catch let error as APIError where error.isNotFound {
            return
        }
    }

    /// The rules of the selected roles, in the order of the selectors and of the roles' names, each once.
    static func rules(of aggregation: AggregationRule, in roles: [ClusterRole], except name: String) -> [PolicyRule] {
        let sorted = roles.sorted { $0.metadata.name < $1.metadata.name }
        var rules: [PolicyRule] = []
        for selector in aggregation.clusterRoleSelectors {
            guard let matcher = try? LabelMatcher(selector) else { continue }
            for role in sorted where role.metadata.name != name && matcher.matches(role.metadata.labels) {
                for rule in role.rules where !rules.contains(rule) { rules.append(rule) }
            }
        }
        return rules
    }
}
