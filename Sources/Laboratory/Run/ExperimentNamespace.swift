import KubernetesAPI

/// The namespace that an experiment's pods are in, made before the first trial and removed after the last.
struct ExperimentNamespace {
    let name: String
    let experiment: String
    let client: APIClient
    /// How long the removal of a namespace may take.
    static let patience = Duration.seconds(60)

    /// Uses the one that an interrupted run left; waits for one that is on its way out.
    ///
    /// - Throws: `LaboratoryError(.conflict)` where a namespace of that name is not an experiment's.
    func make() async throws {
        var namespace = Namespace()
        namespace.metadata.name = name
        namespace.metadata.labels[TrialPods.experimentLabel] = experiment
        do {
            _ = try await client.create(namespace)
            return
        } catch let error as APIError where error.isAlreadyExists {}
        let present: Namespace
        do {
            present = try await client.get(Namespace.self, name)
        } catch let error as APIError where error.isNotFound {
            _ = try await client.create(namespace)
            return
        }
        guard present.metadata.labels[TrialPods.experimentLabel] == experiment else {
            throw LaboratoryError(
                .conflict,
                "there is a namespace \(name) that is not of this experiment: remove it, or rename the experiment")
        }
        guard present.metadata.deletionTimestamp != nil else { return }
        try await waitUntilGone(from: present.metadata.resourceVersion)
        _ = try await client.create(namespace)
    }

    /// Removes it with all that is in it. Answers what was in the way: results are there all the same.
    func remove() async -> String? {
        do {
            let present = try await client.get(Namespace.self, name)
            try await client.delete(Namespace.self, name)
            try await waitUntilGone(from: present.metadata.resourceVersion)
            return nil
        } catch let error as APIError where error.isNotFound {
            return nil
        } catch {
            return "the namespace \(name) could not be removed: \(error)"
        }
    }

    private func waitUntilGone(from version: String) async throws {
        let client = client
        let name = name
        let isGone: Void? = try await withDeadline(.now + Self.patience) {
            var version = version
            // A watch ends from time to time; who asks anew from the last version misses nothing.
            while true {
                let options = ["fieldSelector": "metadata.name=\(name)", "resourceVersion": version]
                for try await event in try await client.watch(Namespace.self, options: options) {
                    if event.type == "DELETED" { return }
                    if event.type == "ERROR" { throw APIError(status: (try? Status(json: event.object)) ?? Status()) }
                    version = event.object[path: "metadata", "resourceVersion"]?.stringValue ?? version
                }
                try Task.checkCancellation()
            }
        }
        guard isGone != nil else {
            throw LaboratoryError(
                .unavailable, "the namespace \(name) is not gone after \(DurationText.words(Self.patience))")
        }
    }
}
