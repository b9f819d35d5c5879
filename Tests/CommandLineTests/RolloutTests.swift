import KubernetesAPI
import Testing

@testable import minikube_lite

@Suite struct RolloutProgressTests {
    struct Case: Sendable {
        var wanted: Int32 = 3
        var observed: Int64 = 2
        var updated: Int32
        var total: Int32
        var available: Int32
        var message: String
        var isDone = false
    }

    static let cases = [
        Case(
            observed: 1, updated: 0, total: 0, available: 0,
            message: "Waiting for deployment spec update to be observed..."),
        Case(
            updated: 1, total: 3, available: 3,
            message: "Waiting for deployment \"web\" rollout to finish: 1 out of 3 new replicas have been updated..."),
        Case(
            updated: 3, total: 4, available: 3,
            message: "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination..."),
        Case(
            updated: 3, total: 3, available: 1,
            message: "Waiting for deployment \"web\" rollout to finish: 1 of 3 updated replicas are available..."),
        Case(updated: 3, total: 3, available: 3, message: "deployment \"web\" successfully rolled out", isDone: true),
        Case(
            wanted: 0, updated: 0, total: 0, available: 0, message: "deployment \"web\" successfully rolled out",
            isDone: true),
    ]

    static func deployment(_ facts: Case) -> Deployment {
        var deployment = Deployment()
        deployment.metadata.name = "web"
        deployment.metadata.generation = 2
        deployment.spec.replicas = facts.wanted
        deployment.status.observedGeneration = facts.observed
        deployment.status.updatedReplicas = facts.updated
        deployment.status.replicas = facts.total
        deployment.status.availableReplicas = facts.available
        return deployment
    }

    @Test(arguments: cases) func `says what kubectl says`(_ facts: Case) throws {
        let progress = try RolloutProgress(of: Self.deployment(facts))
        #expect(progress.message == facts.message)
        #expect(progress.isDone == facts.isDone)
    }

    @Test func `fails when the deadline has passed`() {
        var deployment = Self.deployment(Self.cases[3])
        var condition = DeploymentCondition()
        condition.type = .progressing
        condition.reason = "ProgressDeadlineExceeded"
        deployment.status.conditions = [condition]
        #expect {
            try RolloutProgress(of: deployment)
        } throws: { error in
            (error as? CommandFailure)?.message == "error: deployment \"web\" exceeded its progress deadline"
        }
    }
}

@Suite struct RevisionHistoryTests {
    static func history(_ revisions: [String]) -> RevisionHistory {
        var deployment = Deployment()
        deployment.metadata.name = "web"
        deployment.metadata.uid = "1"
        let sets = revisions.map { revision -> ReplicaSet in
            var set = ReplicaSet()
            set.metadata.name = "web-\(revision)"
            set.metadata.annotations = ["deployment.kubernetes.io/revision": revision]
            var owner = OwnerReference()
            owner.uid = "1"
            set.metadata.ownerReferences = [owner]
            return set
        }
        var stranger = ReplicaSet()
        stranger.metadata.annotations = ["deployment.kubernetes.io/revision": "99"]
        return RevisionHistory(deployment: deployment, replicaSets: sets + [stranger])
    }

    @Test func `is in the order of numbers, not of text`() {
        #expect(Self.history(["10", "9", "2"]).revisions.map(\.number) == [2, 9, 10])
    }

    @Test func `goes back to the one before the latest, or to a number`() throws {
        let history = Self.history(["1", "2", "3"])
        #expect(try history.target(0).number == 2)
        #expect(try history.target(1).number == 1)
        #expect(throws: CommandFailure.self) { try history.target(7) }
        #expect(throws: CommandFailure.self) { try Self.history(["1"]).target(0) }
    }
}
