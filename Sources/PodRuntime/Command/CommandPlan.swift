import LinuxKernel
import ShimProtocol

/// What becomes the launch plan of a command in a container that runs.
struct CommandPlan {
    let sandbox: SandboxConfiguration
    let process: ContainerProcess
    let arguments: [String]

    /// Step A joins all of the container's namespaces, so that step B is in them from its first instruction on: nothing
    /// that the container can see or trace ever runs outside of them. The container's own root is the mount namespace's,
    /// and nothing of the host's files is in reach there.
    func build() throws -> LaunchPlan {
        var plan = LaunchPlan(newNamespaces: [])
        // While /proc is still the host's.
        plan.join(.write(path: "/proc/self/oom_score_adj", text: "\(process.oomScoreAdjust)"), optional: true)
        if !sandbox.hostNetwork {
            plan.join(.joinNamespace(.networkNamespace, type: Namespaces.cloneNetwork))
            plan.join(.joinNamespace(.utsNamespace, type: Namespaces.cloneUTS))
        }
        if !sandbox.hostIPC { plan.join(.joinNamespace(.ipcNamespace, type: Namespaces.cloneIPC)) }
        plan.join(.joinNamespace(.pidNamespace, type: Namespaces.clonePID))
        plan.join(.joinNamespace(.cgroupNamespace, type: LaunchPlan.NewNamespaces.cgroup.rawValue))
        // Last, because it changes the root.
        plan.join(.joinNamespace(.mountNamespace, type: LaunchPlan.NewNamespaces.mount.rawValue))

        plan.add(.newSession)
        plan.add(.newKeyring, optional: true)
        plan.add(.root("/"))
        process.addStandardStreams(to: &plan)
        plan.add(.setWorkingDirectory(process.workingDirectory))
        try process.addIdentity(to: &plan)
        plan.add(.closeDescriptors)
        plan.add(process.execution(of: arguments))
        return plan
    }
}
