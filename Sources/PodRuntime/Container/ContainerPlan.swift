import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

/// What becomes a launch plan: everything about one attempt of a container, resolved.
struct ContainerPlan {
    let sandbox: SandboxConfiguration
    let configuration: ContainerConfiguration
    let image: ImageConfiguration
    /// Unpacked layers, top first.
    let layers: [String]
    let user: ResolvedUser
    /// Capabilities in the bounding, permitted and effective sets.
    let capabilities: UInt64
    let paths: SandboxPaths
    let key: ContainerKey
    /// An empty directory of the host, which masked directories show.
    let emptyDirectory: String

    /// Detached mounts and what they are attached to, with the plan that refers to them.
    struct Result {
        let plan: LaunchPlan
        let descriptors: [FileDescriptor]
        let process: ContainerProcess
    }

    // MS_* of mount(2)
    private static let recursive: UInt64 = 1 << 14
    private static let isPrivate: UInt64 = 1 << 18

    private static let devices: [(name: String, major: UInt32, minor: UInt32)] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ]
    private static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"), ("core", "/proc/kcore"),
    ]
    /// What Docker, containerd and CRI-O hide of /proc and /sys.
    static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ]
    static let readOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    func build() throws -> Result {
        let arguments = try self.arguments()
        let process = self.process
        let sharesProcesses = sandbox.shareProcessNamespace || sandbox.hostPID
        var plan = LaunchPlan(newNamespaces: sharesProcesses ? [.mount, .cgroup] : [.mount, .cgroup, .pid])
        joinNamespaces(&plan)

        plan.add(.newSession)
        // Ours would be the agent's, with whatever root has in it. Not every kernel has keyrings.
        plan.add(.newKeyring, optional: true)
        plan.add(.setUmask(0))
        // Raising always works; lowering needs CAP_SYS_RESOURCE, which not every host gives: a worse OOM order is no
        // reason not to start.
        plan.add(.write(path: "/proc/self/oom_score_adj", text: "\(process.oomScoreAdjust)"), optional: true)
        try addRoot(&plan)
        addKernelFileSystems(&plan)
        let volumes = try addMounts(&plan)
        addMasks(&plan)
        if configuration.security.readOnlyRootFilesystem { plan.add(.sealRoot) }
        Failpoint.hit("plan.mounts")

        plan.add(.pivotRoot)
        process.addStandardStreams(to: &plan)
        plan.add(.setWorkingDirectory(process.workingDirectory))
        try process.addIdentity(to: &plan)
        plan.add(.closeDescriptors)
        plan.add(process.execution(of: arguments))
        Failpoint.hit("plan.complete")
        return Result(plan: plan, descriptors: volumes, process: process)
    }

    private var process: ContainerProcess {
        let environment = self.environment()
        let security = configuration.security
        return ContainerProcess(
            environment: environment.map { "\($0.name)=\($0.value)" },
            searchPath: environment.last { $0.name == "PATH" }?.value ?? Self.defaultPath,
            workingDirectory: workingDirectory, uid: user.uid, gid: user.gid, groups: user.groups,
            capabilities: capabilities, noNewPrivileges: security.noNewPrivileges,
            isFiltered: security.seccomp == .runtimeDefault && !security.privileged,
            oomScoreAdjust: configuration.oomScoreAdjust)
    }

    private func joinNamespaces(_ plan: inout LaunchPlan) {
        if !sandbox.hostNetwork {
            plan.join(.joinNamespace(.networkNamespace, type: Namespaces.cloneNetwork))
            plan.join(.joinNamespace(.utsNamespace, type: Namespaces.cloneUTS))
        }
        if !sandbox.hostIPC { plan.join(.joinNamespace(.ipcNamespace, type: Namespaces.cloneIPC)) }
        if sandbox.shareProcessNamespace { plan.join(.joinNamespace(.pidNamespace, type: Namespaces.clonePID)) }
    }

    // MARK: What is run

    private func arguments() throws -> [String] {
        let command = configuration.command ?? image.entrypoint
        let arguments = configuration.args ?? (configuration.command == nil ? image.cmd : [])
        let all = command + arguments
        guard let first = all.first, !first.isEmpty else {
            throw RuntimeError(
                .create, step: "exec", object: configuration.name,
                message: "no command specified: neither the container nor image \(configuration.image) has one")
        }
        return all
    }

    private var workingDirectory: String {
        if let given = configuration.workingDirectory, !given.isEmpty { return given }
        return image.workingDir.isEmpty ? "/" : image.workingDir
    }

    /// The image's variables, then the pod's; a later one of the same name wins.
    private func environment() -> [EnvironmentVariable] {
        var order: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values.updateValue(value, forKey: name) == nil { order.append(name) }
        }
        set("PATH", Self.defaultPath)
        set("HOSTNAME", sandbox.hostname)
        for entry in image.env {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, !parts[0].isEmpty { set(String(parts[0]), String(parts[1])) }
        }
        for variable in configuration.environment where !variable.name.isEmpty { set(variable.name, variable.value) }
        if values["HOME"] == nil { set("HOME", user.home) }
        return order.map { EnvironmentVariable(name: $0, value: values[$0] ?? "") }
    }

    // MARK: The root file system

    private func addRoot(_ plan: inout LaunchPlan) throws {
        plan.add(.setPropagation(path: "/", flags: Self.recursive | Self.isPrivate))
        let overlay = try OverlayOptions(layers: layers, upper: paths.upper(key), work: paths.work(key))
        plan.add(.changeDirectory(overlay.base))
        plan.add(.mount(source: "overlay", target: paths.root, type: "overlay", flags: 0, data: overlay.data))
        plan.add(.changeDirectory("/"))
        plan.add(.root(paths.root))
    }

    private func addKernelFileSystems(_ plan: inout LaunchPlan) {
        let quiet: LaunchPlan.MountAttributes = [.noSetuid, .noDevices, .noExecute]
        plan.add(.mountFileSystem(type: "proc", target: "/proc", options: [], attributes: quiet))
        plan.add(
            .mountFileSystem(
                type: "tmpfs", target: "/dev", options: ["source=tmpfs", "mode=755", "size=65536k"],
                attributes: [.noSetuid, .strictAccessTime]))
        for device in Self.devices {
            plan.add(
                .makeDevice(
                    path: "/dev/" + device.name, mode: UInt32(S_IFCHR) | 0o666, major: device.major,
                    minor: device.minor))
        }
        for (name, target) in Self.links { plan.add(.makeSymbolicLink(path: "/dev/" + name, text: target)) }
        plan.add(
            .mountFileSystem(
                type: "devpts", target: "/dev/pts", options: ["source=devpts", "ptmxmode=0666", "mode=0620", "gid=5"],
                attributes: [.noSetuid, .noExecute]))
        if !mountTargets.contains("/dev/shm") {
            plan.add(.bind(source: paths.sharedMemory, target: "/dev/shm", attributes: quiet, isFile: false))
        }
        plan.add(.mountFileSystem(type: "mqueue", target: "/dev/mqueue", options: ["source=mqueue"], attributes: quiet))
        let privileged = configuration.security.privileged
        if privileged { for device in HostDevices.list() { plan.add(device, optional: true) } }
        let sealed: LaunchPlan.MountAttributes = privileged ? quiet : [.readOnly, .noSetuid, .noDevices, .noExecute]
        plan.add(.mountFileSystem(type: "sysfs", target: "/sys", options: ["source=sysfs"], attributes: sealed))
        plan.add(
            .mountFileSystem(
                type: "cgroup2", target: "/sys/fs/cgroup", options: ["source=cgroup"], attributes: sealed))
    }

    private var mountTargets: Set<String> { Set(configuration.mounts.map(\.target)) }

    /// The pod's files and the volumes. Volumes are detached copies of their sources, made here, in the host's mount
    /// namespace: in the container's, the sources may not be in reach any more.
    private func addMounts(_ plan: inout LaunchPlan) throws -> [FileDescriptor] {
        let taken = mountTargets
        for (source, target) in [
            (paths.hosts, "/etc/hosts"), (paths.hostname, "/etc/hostname"), (paths.resolvConf, "/etc/resolv.conf"),
        ] where !taken.contains(target) {
            plan.add(.bind(source: source, target: target, attributes: [], isFile: true))
        }
        var descriptors: [FileDescriptor] = []
        // Parents before what is mounted inside of them; otherwise in the pod's order.
        let ordered = configuration.mounts.enumerated().sorted {
            let (left, right) = (
                $0.element.target.split(separator: "/").count, $1.element.target.split(separator: "/").count
            )
            return (left, $0.offset) < (right, $1.offset)
        }
        for (_, mount) in ordered {
            let volume = try VolumeMount(mount)
            plan.add(
                .attachMount(.attached(descriptors.count), target: mount.target, isFile: volume.isFile))
            descriptors.append(volume.mount)
        }
        if descriptors.count > PacketSocket.maximumDescriptors - 3 {
            throw RuntimeError(
                .configuration, step: "mount", object: configuration.name,
                message: "\(descriptors.count) volume mounts are more than one container can have here")
        }
        if let path = configuration.terminationMessagePath, !path.isEmpty {
            plan.add(.bind(source: paths.terminationMessage(key), target: path, attributes: [], isFile: true))
        }
        return descriptors
    }

    private func addMasks(_ plan: inout LaunchPlan) {
        guard !configuration.security.privileged, !configuration.security.unmaskedProc else { return }
        for path in Self.readOnlyPaths { plan.add(.makeReadOnly(path: path)) }
        for path in Self.maskedPaths { plan.add(.mask(path: path, emptyDirectory: emptyDirectory)) }
    }
}
