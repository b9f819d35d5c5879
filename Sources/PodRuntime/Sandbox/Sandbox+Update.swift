import LinuxKernel

extension Sandbox {
    /// See `Runtime.updateContainer`.
    func updateContainer(_ name: String, resources: CgroupResources) async throws {
        guard let container = running(name) else {
            throw RuntimeError(
                .notFound, step: "update", object: name, message: "container \(name) of sandbox \(id) does not run")
        }
        let host = self.host
        try await host.starts.run {
            try host.cgroups.update(container.cgroup, to: resources, bestEffort: host.configuration.bestEffort)
        }
        // It may have ended meanwhile: its record is written all the same.
        guard var current = containers[container.key] else { return }
        current.status.resources = resources
        containers[container.key] = current
        await save(current)
    }

    /// See `Runtime.updateSandbox`.
    func update(_ resources: CgroupResources) async throws {
        guard phase == .ready else {
            throw RuntimeError(
                .shimLost, step: "update", object: id, message: "sandbox \(id) is not ready: it has to be made anew")
        }
        let (host, paths, cgroup) = (self.host, self.paths, record.cgroup)
        try await host.starts.run {
            try host.cgroups.update(cgroup, to: resources, bestEffort: host.configuration.bestEffort)
        }
        guard phase == .ready else { return }
        record.configuration.resources = resources
        let record = self.record
        do {
            try await host.starts.run { try Facts.write(record, to: paths.record) }
        } catch {
            // The cgroup has it, and so do the facts in memory; the next write may succeed.
            host.logger.warning(
                "cannot write a sandbox's record", metadata: ["path": "\(paths.record)", "error": "\(error)"])
        }
    }
}
