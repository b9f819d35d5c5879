import ArgumentParser
import Foundation
import KubernetesAPI

struct RolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Follow and steer the rollout of a Deployment.",
        subcommands: [
            RolloutStatusCommand.self, RolloutHistoryCommand.self, RolloutUndoCommand.self, RolloutRestartCommand.self,
            RolloutPauseCommand.self, RolloutResumeCommand.self,
        ])
}

/// The Deployment that a rollout command is about.
struct DeploymentArgument: ParsableArguments {
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "deployment NAME, or deployment/NAME.")
    var target: [String]

    func withDeployment(_ body: @Sendable (Cluster, String) async throws -> Void) async throws {
        let targets = try ResourceSelection(target).named()
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            for (resource, name) in targets {
                guard resource.kind == Deployment.groupVersionKind else {
                    throw CommandFailure(
                        "error: a \(resource.singular) has no rollouts, a deployment has", code: .usage)
                }
                try await body(cluster, name)
            }
        }
    }
}

struct RolloutStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Wait until the latest rollout is done; fails when it has failed.")

    @OptionGroup var deployment: DeploymentArgument

    @Option(help: "How long to wait, e.g. 90s or 5m; 0 waits until the rollout ends one way or the other.")
    var timeout = "0"

    @Flag(inversion: .prefixedNo, help: "Wait; otherwise say how it is now.")
    var watch = true

    mutating func run() async throws {
        guard let seconds = DurationText.seconds(timeout) else {
            throw CommandFailure("error: --timeout \"\(timeout)\" is not a duration such as 90s or 5m", code: .usage)
        }
        let watches = watch
        try await deployment.withDeployment { cluster, name in
            let patience = seconds > 0 ? Duration.seconds(seconds) : .seconds(86_400 * 365)
            try await Deadline.run(
                until: .now + patience, failure: "error: timed out waiting for the rollout of deployment \"\(name)\""
            ) {
                try await Self.follow(name, cluster, watches: watches)
            }
        }
    }

    private static func follow(_ name: String, _ cluster: Cluster, watches: Bool) async throws {
        var said = ""
        func report(_ deployment: Deployment) throws -> Bool {
            let progress = try RolloutProgress(of: deployment)
            if progress.message != said {
                Console.line(progress.message)
                said = progress.message
            }
            return progress.isDone || !watches
        }
        while true {
            let present = try await cluster.client.get(Deployment.self, name, namespace: cluster.namespace)
            if try report(present) { return }
            let events = try await cluster.client.watch(
                Deployment.self, namespace: cluster.namespace,
                options: [
                    "fieldSelector": "metadata.name=\(name)", "resourceVersion": present.metadata.resourceVersion,
                ])
            for try await event in events where event.type != "BOOKMARK" {
                if event.type == "ERROR" { break }
                if event.type == "DELETED" { throw CommandFailure("error: object has been deleted") }
                if try report(try Deployment(json: event.object)) { return }
            }
        }
    }
}

struct RolloutHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List the revisions that can be gone back to.")

    @OptionGroup var deployment: DeploymentArgument

    @Option(help: "Show the pod template of this revision.")
    var revision: Int64?

    mutating func run() async throws {
        let revision = revision
        try await deployment.withDeployment { cluster, name in
            let history = try await RevisionHistory.load(name, cluster)
            if let revision {
                guard let found = history.revisions.first(where: { $0.number == revision }) else {
                    throw CommandFailure("error: unable to find the specified revision")
                }
                Console.line("deployment.apps/\(name) with revision #\(revision)")
                Console.write(YAMLText.text(found.replicaSet.spec.template.json))
                return
            }
            Console.line("deployment.apps/\(name) ")
            let rows = history.revisions.map { [String($0.number), $0.cause ?? "<none>"] }
            for line in TableText.lines([["REVISION", "CHANGE-CAUSE"]] + rows) { Console.line(line) }
            Console.line("")
        }
    }
}

struct RolloutUndoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Go back to an earlier revision.")

    @OptionGroup var deployment: DeploymentArgument

    @Option(help: "The revision; 0 is the one before the latest.")
    var toRevision: Int64 = 0

    mutating func run() async throws {
        let number = toRevision
        try await deployment.withDeployment { cluster, name in
            let history = try await RevisionHistory.load(name, cluster)
            guard !history.deployment.spec.paused else {
                throw CommandFailure(
                    "error: you cannot rollback a paused deployment; resume it first with 'rollout resume' and try again"
                )
            }
            let target = try history.target(number)
            var template = target.replicaSet.spec.template
            template.metadata.labels["pod-template-hash"] = nil
            guard template != history.deployment.spec.template else {
                Console.line(
                    "deployment.apps/\(name) skipped rollback (current template already matches revision "
                        + "\(target.number))")
                return
            }
            _ = try await cluster.client.patch(
                Deployment.self, name, namespace: cluster.namespace, .json,
                [["op": "replace", "path": "/spec/template", "value": template.json]])
            Console.line("deployment.apps/\(name) rolled back")
        }
    }
}

struct RolloutRestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Replace all pods, as a rollout does.")

    @OptionGroup var deployment: DeploymentArgument

    mutating func run() async throws {
        try await deployment.withDeployment { cluster, name in
            let now = Timestamp(seconds: Int64(Date().timeIntervalSince1970))
            _ = try await cluster.client.patch(
                Deployment.self, name, namespace: cluster.namespace, .strategic,
                [
                    "spec": [
                        "template": [
                            "metadata": ["annotations": ["kubectl.kubernetes.io/restartedAt": now.json]]
                        ]
                    ]
                ])
            Console.line("deployment.apps/\(name) restarted")
        }
    }
}

struct RolloutPauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let changes of the template wait.")

    @OptionGroup var deployment: DeploymentArgument

    mutating func run() async throws {
        try await deployment.withDeployment { cluster, name in
            try await Pausing.set(true, name, cluster)
            Console.line("deployment.apps/\(name) paused")
        }
    }
}

struct RolloutResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Go on after a pause.")

    @OptionGroup var deployment: DeploymentArgument

    mutating func run() async throws {
        try await deployment.withDeployment { cluster, name in
            try await Pausing.set(false, name, cluster)
            Console.line("deployment.apps/\(name) resumed")
        }
    }
}

private enum Pausing {
    static func set(_ paused: Bool, _ name: String, _ cluster: Cluster) async throws {
        let present = try await cluster.client.get(Deployment.self, name, namespace: cluster.namespace)
        guard present.spec.paused != paused else {
            throw CommandFailure(
                "error: deployments.apps \"\(name)\" is \(paused ? "already" : "not") paused")
        }
        _ = try await cluster.client.patch(
            Deployment.self, name, namespace: cluster.namespace, .strategic,
            ["spec": ["paused": paused ? true : .null]])
    }
}
