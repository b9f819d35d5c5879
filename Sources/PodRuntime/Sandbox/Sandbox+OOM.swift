extension Sandbox {
    /// Looks at what the OOM killer has done in a container, while its cgroup is there. Nil where it killed nothing.
    func findKills(_ key: ContainerKey) -> OOMKill? {
        guard let container = containers[key] else { return nil }
        guard let found = host.cgroups.oomKill(container.cgroup, since: container.oomCounts ?? OOMCounts()),
            found.kills > container.oom?.kills ?? 0
        else { return container.oom }
        containers[key]?.oom = found
        containers[key]?.oomCounts = host.cgroups.oomCounts(container.cgroup)
        return found
    }

    /// The kernel says that processes of a container were killed. Whether the container survives it shows within
    /// moments: where it does not, its exit tells the kills.
    func noticeKills(_ key: ContainerKey) async {
        guard let found = findKills(key), containers[key]?.status.exit == nil, !noticing.contains(key) else { return }
        // With memory.oom.group nothing of the container survives.
        if containers[key]?.status.resources?.oomGroup == true { return }
        noticing.insert(key)
        let hasEnded = await waitForExit(key, upTo: .seconds(2))
        noticing.remove(key)
        guard !hasEnded, phase == .ready, containers[key]?.status.exit == nil else { return }
        // More may have been killed meanwhile.
        var kill = findKills(key) ?? found
        let total = kill.kills
        kill.kills -= containers[key]?.toldKills ?? 0
        guard kill.kills > 0, var container = containers[key] else { return }
        container.toldKills = total
        containers[key] = container
        host.events.yield(.oomKilled(sandbox: id, container: key.name, kill))
        await save(container)
    }

    /// From now on kills in this container are noticed.
    func watchKills(_ container: ContainerRecord) {
        guard container.key != PausePlan.key else { return }
        host.oomWatch.add(
            container.cgroup, OOMWatch.Subject(sandbox: id, container: container.key), known: container.toldKills ?? 0)
    }
}
