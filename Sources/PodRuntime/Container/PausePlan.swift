import LinuxKernel
import ShimProtocol

/// PID 1 of a pod whose containers share a PID namespace: it reaps, and has nothing. No program is run: it is the
/// walker itself, with an empty root of its own and without capabilities.
enum PausePlan {
    static let key = ContainerKey(name: "pause", attempt: 0)

    static func build(_ sandbox: SandboxConfiguration, paths: SandboxPaths) -> LaunchPlan {
        var plan = LaunchPlan(newNamespaces: [.mount, .cgroup, .pid])
        if !sandbox.hostNetwork {
            plan.join(.joinNamespace(.networkNamespace, type: Namespaces.cloneNetwork))
            plan.join(.joinNamespace(.utsNamespace, type: Namespaces.cloneUTS))
        }
        if !sandbox.hostIPC { plan.join(.joinNamespace(.ipcNamespace, type: Namespaces.cloneIPC)) }
        plan.add(.newSession)
        plan.add(.newKeyring, optional: true)
        plan.add(.setPropagation(path: "/", flags: 1 << 14 | 1 << 18))
        // MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
        plan.add(
            .mount(source: "tmpfs", target: paths.root, type: "tmpfs", flags: 1 | 2 | 4 | 8, data: "size=4k,mode=555"))
        plan.add(.root(paths.root))
        plan.add(.pivotRoot)
        plan.add(.setNoNewPrivileges)
        plan.add(.limitCapabilities(0))
        plan.add(.setGroups([]))
        plan.add(.setUser(uid: 65535, gid: 65535))
        plan.add(.setCapabilities(0))
        plan.add(.pause)
        return plan
    }
}
