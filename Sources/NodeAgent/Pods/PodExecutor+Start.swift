import KubernetesAPI
import PodRuntime

extension PodExecutor {
    func startContainer(_ name: String, _ attempt: Int, _ context: Context) async -> PodMessage {
        let pod = context.pod
        guard let container = (pod.spec.initContainers + pod.spec.containers).first(where: { $0.name == name }) else {
            return .containerFailed(name, attempt: attempt, Self.other("container \(name) is not in the pod"))
        }
        do {
            return .containerStarted(name, try await start(container, attempt, context))
        } catch let failure as ContainerFailure {
            return .containerFailed(name, attempt: attempt, failure)
        } catch {
            return .containerFailed(name, attempt: attempt, Self.other("\(error)"))
        }
    }

    private static func other(_ message: String) -> ContainerFailure {
        ContainerFailure(kind: .other, reason: WaitingReason.createContainerError, message: message)
    }

    private func start(_ container: Container, _ attempt: Int, _ context: Context) async throws -> Attempt {
        let pod = context.pod
        let image = try await resolve(container, pod)
        let configuration = try await configure(container, attempt, context)
        do {
            let status = try await around.runtime.startContainer(configuration, in: pod.metadata.uid)
            around.record(pod, reason: EventReason.created, message: "Container created", container: container.name)
            around.record(pod, reason: EventReason.started, message: "Container started", container: container.name)
            var started = Attempt(status)
            if started.imageID.isEmpty { started.imageID = image.id }
            started.resources = configuration.resources
            started.requirements = container.resources
            return started
        } catch {
            let error = RuntimeError(wrapping: error)
            if error.kind == .alreadyExists, var present = await adopt(container, attempt, pod) {
                present.requirements = container.resources
                return present
            }
            throw failure(error, container, pod)
        }
    }

    /// A start whose answer was lost: the attempt that is there is the one that was wanted.
    private func adopt(_ container: Container, _ attempt: Int, _ pod: Pod) async -> Attempt? {
        await around.runtime.status(of: pod.metadata.uid)?.containers
            .last { $0.name == container.name && $0.attempt == attempt && $0.startedAt != nil }.map(Attempt.init)
    }

    // MARK: Image

    private func resolve(_ container: Container, _ pod: Pod) async throws -> ImageInfo {
        let name = container.image
        guard ImageName.isValid(name) else {
            let message =
                "Failed to apply default image tag \"\(name)\": couldn't parse image name \"\(name)\": invalid reference format"
            around.record(pod, .warning, reason: EventReason.inspectFailed, message: message, container: container.name)
            throw failed(
                ContainerFailure(kind: .image, reason: WaitingReason.invalidImageName, message: message), pod, container
            )
        }
        let image: ImageInfo?
        do {
            image = try await around.runtime.images.resolve(name)
        } catch {
            let message = "Failed to inspect image \"\(name)\": \(RuntimeError(wrapping: error).message)"
            around.record(pod, .warning, reason: EventReason.inspectFailed, message: message, container: container.name)
            throw failed(
                ContainerFailure(kind: .other, reason: WaitingReason.imageInspectError, message: message), pod,
                container)
        }
        if let image {
            var message = "Container image \"\(name)\" already present on machine and can be accessed by the pod"
            if container.imagePullPolicy == .always {
                message += " (imagePullPolicy Always: an image that was imported is taken from the store)"
            }
            around.record(pod, reason: EventReason.pulled, message: message, container: container.name)
            return image
        }
        if container.imagePullPolicy == .never {
            let message = "Container image \"\(name)\" is not present with pull policy of Never"
            around.record(
                pod, .warning, reason: EventReason.errImageNeverPull, message: message, container: container.name)
            throw failed(
                ContainerFailure(kind: .other, reason: WaitingReason.errImageNeverPull, message: message), pod,
                container)
        }
        throw missingImage(container, pod)
    }

    private func missingImage(_ container: Container, _ pod: Pod) -> ContainerFailure {
        let name = container.image
        let problem = "image \"\(name)\" not found in \(around.runtime.images.location)"
        around.record(
            pod, .warning, reason: EventReason.failed, message: "Failed to pull image \"\(name)\": \(problem)",
            container: container.name)
        return failed(
            ContainerFailure(
                kind: .image, reason: WaitingReason.errImagePull,
                message: "\(problem); import it with: minikube-lite image import \(name) PATH"), pod, container)
    }

    /// Says so in an event, as the kubelet does for each failed start.
    private func failed(_ failure: ContainerFailure, _ pod: Pod, _ container: Container) -> ContainerFailure {
        // Of these the kubelet names the reason only: the sentence stands in the event before.
        let isNamed = failure.kind == .image || failure.reason == WaitingReason.errImageNeverPull
        around.record(
            pod, .warning, reason: EventReason.failed, message: "Error: \(isNamed ? failure.reason : failure.message)",
            container: container.name)
        return failure
    }

    // MARK: Configuration

    private func configure(
        _ container: Container, _ attempt: Int, _ context: Context
    ) async throws -> ContainerConfiguration {
        let pod = context.pod
        do {
            let objects = try await ReferencedObjects.fetch(
                ObjectNames(environmentOf: container), namespace: pod.metadata.namespace, client: around.client)
            let services = ServiceVariables(
                await around.services.services(in: pod.metadata.namespace), namespace: pod.metadata.namespace,
                enableLinks: pod.spec.enableServiceLinks)
            let environment = try ContainerEnvironment(
                container, services: services, objects: objects,
                fields: around.fields(of: pod, addresses: context.addresses))
            let configuration = try ContainerConfiguration(
                container, of: pod, attempt: attempt, environment: environment, volumes: context.volumes,
                resources: context.cgroups.containers[container.name] ?? CgroupResources(),
                oomScoreAdjust: around.ledger.translation.oomScoreAdjust(container, of: pod),
                configuration: around.configuration)
            try await makeSubPaths(configuration)
            return configuration
        } catch {
            let message = (error as? ReferenceError)?.message ?? (error as? RuntimeError)?.message ?? "\(error)"
            throw failed(
                ContainerFailure(kind: .other, reason: WaitingReason.createContainerConfigError, message: message), pod,
                container)
        }
    }

    private func makeSubPaths(_ configuration: ContainerConfiguration) async throws {
        for mount in configuration.mounts {
            guard case .host(let path, let subPath?) = mount.source else { continue }
            try await around.volumes.pool.run { [store = around.volumes.store] in
                try store.makeSubPath(subPath, in: path)
            }
        }
    }

    private func failure(_ error: RuntimeError, _ container: Container, _ pod: Pod) -> ContainerFailure {
        switch error.kind {
        case .imageNotFound: return missingImage(container, pod)
        case .configuration:
            return failed(
                ContainerFailure(
                    kind: .other, reason: WaitingReason.createContainerConfigError, message: error.message), pod,
                container)
        case .start:
            around.record(pod, reason: EventReason.created, message: "Container created", container: container.name)
            return failed(
                ContainerFailure(kind: .start, reason: WaitingReason.runContainerError, message: error.message), pod,
                container)
        case .unenforceable:
            return ContainerFailure(
                kind: .other, reason: WaitingReason.createContainerConfigError, message: error.message,
                isUnenforceable: true)
        default:
            return failed(
                ContainerFailure(kind: .other, reason: WaitingReason.createContainerError, message: error.message), pod,
                container)
        }
    }
}
