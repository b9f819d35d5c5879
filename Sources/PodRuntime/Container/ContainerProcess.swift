import LinuxKernel
import ShimProtocol

/// Who a container's main process is and what surrounds it: what a command in the container has in common with it.
///
/// Kept in the pod's run-time folder from before the launch on, so that every later agent knows it. What the process
/// has made of itself meanwhile (/proc/PID/environ is writable memory) does not count.
struct ContainerProcess: Codable, Sendable, Hashable {
    /// `NAME=value`
    let environment: [String]
    /// Where programs without a slash are looked for.
    let searchPath: String
    let workingDirectory: String
    let uid: UInt32
    let gid: UInt32
    let groups: [UInt32]
    /// In the bounding, permitted and effective sets.
    let capabilities: UInt64
    let noNewPrivileges: Bool
    /// The default seccomp filter, or none.
    let isFiltered: Bool
    let oomScoreAdjust: Int

    /// - Throws: `RuntimeError(.create)` where the filter cannot be built.
    func addIdentity(to plan: inout LaunchPlan) throws {
        let seccomp = isFiltered ? try SeccompProfile.runtimeDefault(capabilities: capabilities) : []
        if noNewPrivileges { plan.add(.setNoNewPrivileges) }
        // Without no_new_privs a filter can be set only while CAP_SYS_ADMIN is there; the filter allows what follows.
        let filter: LaunchPlan.Step? = seccomp.isEmpty ? nil : .setSeccompFilter(seccomp)
        if let filter, !noNewPrivileges { plan.add(filter) }
        plan.add(.limitCapabilities(capabilities))
        plan.add(.setGroups(groups))
        plan.add(.setUser(uid: uid, gid: gid))
        plan.add(.setCapabilities(capabilities))
        if let filter, noNewPrivileges { plan.add(filter) }
    }

    func addStandardStreams(to plan: inout LaunchPlan) {
        plan.add(.setUmask(0o022))
        plan.add(.setStandardStream(.standardInput, number: 0))
        plan.add(.setStandardStream(.standardOutput, number: 1))
        plan.add(.setStandardStream(.standardError, number: 2))
    }

    func execution(of arguments: [String]) -> LaunchPlan.Step {
        .execute(arguments: arguments, environment: environment, searchPath: searchPath)
    }
}
