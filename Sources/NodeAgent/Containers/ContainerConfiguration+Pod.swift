import KubernetesAPI
import PodRuntime

extension ContainerConfiguration {
    /// A container of a pod as Linux is told about it.
    /// - Parameters:
    ///   - pod: as it is allocated.
    ///   - volumes: volume to path on the host.
    init(
        _ container: Container, of pod: Pod, attempt: Int, environment: ContainerEnvironment,
        volumes: [String: String], resources: CgroupResources, oomScoreAdjust: Int, configuration: NodeConfiguration
    ) throws(ReferenceError) {
        let context = container.securityContext
        let podContext = pod.spec.securityContext
        var mounts: [ContainerMount] = []
        for mount in container.volumeMounts {
            guard let path = volumes[mount.name] else {
                throw ReferenceError(message: "volume \"\(mount.name)\" not found")
            }
            let subPath = mount.subPathExpr.isEmpty ? mount.subPath : environment.expand(mount.subPathExpr)
            mounts.append(
                ContainerMount(
                    source: .host(path: path, subPath: subPath.isEmpty ? nil : subPath), target: mount.mountPath,
                    readOnly: mount.readOnly, propagation: mount.mountPropagation?.rawValue ?? "None"))
        }
        self.init(
            name: container.name, attempt: attempt, image: container.image,
            command: container.command.isEmpty ? nil : container.command.map(environment.expand),
            args: container.args.isEmpty ? nil : container.args.map(environment.expand),
            environment: environment.variables,
            workingDirectory: container.workingDir.isEmpty ? nil : container.workingDir,
            user: ContainerUser(context, podContext), mounts: mounts,
            resources: resources,
            security: ContainerSecurity(context, podContext),
            terminationMessagePath: container.terminationMessagePath.isEmpty ? nil : container.terminationMessagePath,
            oomScoreAdjust: oomScoreAdjust,
            tty: container.tty, stdin: container.stdin, logMaxBytes: configuration.logMaxBytes,
            logMaxFiles: configuration.logMaxFiles)
    }
}

extension RuntimeContainerUser {
    /// The container's own word counts before the pod's.
    init(_ context: SecurityContext?, _ pod: PodSecurityContext?) {
        func id(_ value: Int64?) -> UInt32? { value.flatMap(UInt32.init(exactly:)) }
        let groups = (pod?.supplementalGroups ?? []) + [pod?.fsGroup].compactMap(\.self)
        self.init(
            uid: id(context?.runAsUser ?? pod?.runAsUser), gid: id(context?.runAsGroup ?? pod?.runAsGroup),
            supplementalGroups: groups.compactMap(UInt32.init(exactly:)),
            mustNotBeRoot: context?.runAsNonRoot ?? pod?.runAsNonRoot ?? false)
    }
}

extension ContainerSecurity {
    init(_ context: SecurityContext?, _ pod: PodSecurityContext?) {
        let isPrivileged = context?.privileged == true
        let profile = (context?.seccompProfile ?? pod?.seccompProfile)?.type.rawValue
        self.init(
            privileged: isPrivileged, addCapabilities: context?.capabilities?.add ?? [],
            dropCapabilities: context?.capabilities?.drop ?? [],
            noNewPrivileges: context?.allowPrivilegeEscalation == false,
            readOnlyRootFilesystem: context?.readOnlyRootFilesystem == true,
            // Where nothing is said the default filter applies, as with the kubelet's `seccompDefault`.
            seccomp: isPrivileged ? .unconfined : profile.flatMap(Seccomp.init(rawValue:)) ?? .runtimeDefault,
            unmaskedProc: context?.procMount?.rawValue == "Unmasked")
    }
}
