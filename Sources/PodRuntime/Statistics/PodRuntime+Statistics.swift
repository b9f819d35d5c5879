import LinuxKernel

extension PodRuntime {
    public func statistics(of sandbox: String) async throws -> SandboxStatistics {
        let subject = try await get(sandbox).sampled
        let sampling = host.sampling
        return try await sampling.pool.run {
            var result = SandboxStatistics(id: sandbox, pod: try sampling.store.sample(subject.cgroup))
            for container in subject.containers {
                // One that has ended meanwhile is left out.
                guard let statistics = try? sampling.store.sample(container.cgroup) else { continue }
                result.containers[container.name] = ContainerStatistics(
                    attempt: container.attempt, startedAt: container.startedAt, cgroup: statistics,
                    processes: statistics.memory == nil ? .read(cgroup: container.cgroup) : nil)
            }
            result.network = subject.device.flatMap { sampling.network?.pod(device: $0) }
            return result
        }
    }

    public func nodeStatistics() async throws -> NodeStatistics {
        let (sampling, cgroups, supervisors) = (host.sampling, host.cgroups, known.count)
        return try await sampling.pool.run {
            var machine = try sampling.machine.sample()
            machine.network = sampling.network?.machine()
            return NodeStatistics(
                pods: try sampling.store.sample(cgroups.parent), system: try sampling.store.sample(cgroups.system),
                supervisors: supervisors, machine: machine)
        }
    }
}

/// What sampling needs, for all sandboxes of a node.
struct Sampling: Sendable {
    /// One thread: samples are short, and the netlink socket has one user.
    let pool = BlockingPool(name: "samples", threads: 1)
    let store = SamplerStore()
    let machine: MachineSampler
    /// Nil where no netlink socket could be made: no network counters then.
    let network: NetworkCounters?

    /// - Parameter root: mount point of the cgroup2 hierarchy.
    init(root: String) throws {
        machine = try MachineSampler(root: root)
        network = try? NetworkCounters()
    }
}

/// What is to be read for one sandbox.
struct SampledSandbox: Sendable {
    struct Container: Sendable {
        let name: String
        let attempt: Int
        let startedAt: Int64
        let cgroup: String
    }
    let cgroup: String
    let containers: [Container]
    /// The host's end of its veth.
    let device: String?
}

extension Sandbox {
    var sampled: SampledSandbox {
        let running = containers.values.filter {
            $0.key != PausePlan.key && $0.status.exit == nil && $0.status.startedAt != nil
        }
        return SampledSandbox(
            cgroup: record.cgroup,
            containers: running.map {
                SampledSandbox.Container(
                    name: $0.key.name, attempt: $0.key.attempt, startedAt: $0.status.startedAt ?? 0, cgroup: $0.cgroup)
            },
            device: record.configuration.hostNetwork ? nil : host.network.address(of: id)?.device)
    }
}
