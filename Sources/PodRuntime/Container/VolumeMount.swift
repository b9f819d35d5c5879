import Glibc
import LinuxKernel

/// A volume's source as a detached mount, ready to be attached in a container.
struct VolumeMount {
    let mount: FileDescriptor
    let isFile: Bool

    /// - Throws: `RuntimeError(.create)` where the source is missing or `subPath` leads out of the volume.
    init(_ configuration: ContainerMount) throws {
        guard configuration.target.hasPrefix("/"), !Self.isForbidden(configuration.target) else {
            throw RuntimeError(
                .configuration, step: "mount", object: configuration.target,
                message: "a volume cannot be mounted at \"\(configuration.target)\"")
        }
        let (path, subPath) = configuration.source.location
        do throws(SystemError) {
            (mount, isFile) = try Self.open(path, subPath, configuration)
        } catch {
            let shown = subPath.map { "\(path) (subPath \($0))" } ?? path
            let detail = error.errno == EXDEV ? "the subPath leads out of the volume" : error.reason
            throw RuntimeError(
                .create, step: "mount", object: path, errno: error.errno,
                message: "cannot mount \(shown) at \(configuration.target): \(detail)")
        }
    }

    private static func open(
        _ path: String, _ subPath: String?, _ configuration: ContainerMount
    ) throws(SystemError) -> (FileDescriptor, Bool) {
        var source = try FileAccess.open(path, FileAccess.pathOnly)
        if let subPath, !subPath.isEmpty { source = try resolve(subPath, in: source) }
        // As the kubelet's mounts: with what is mounted below.
        let mount = try Mount.detachedCopy(of: source, recursive: true, name: path)
        let propagation: Mount.Propagation =
            switch configuration.propagation {
            case "HostToContainer": .slave
            case "Bidirectional": .shared
            default: .private
            }
        try Mount.setAttributes(of: mount, propagation: propagation, recursive: true)
        if configuration.readOnly { try Mount.setAttributes(of: mount, set: .readOnly) }
        return (mount, try source.fileType() != UInt32(S_IFDIR))
    }

    /// /proc and what is in it belong to the runtime; so does the root itself.
    private static func isForbidden(_ target: String) -> Bool {
        let parts = target.split(separator: "/")
        return parts.isEmpty || parts.first == "proc" || parts.contains("..")
    }

    /// Resolves beneath the volume, where a container may be changing links at this moment; makes what is missing.
    private static func resolve(_ subPath: String, in volume: FileDescriptor) throws(SystemError) -> FileDescriptor {
        if let found = try find(subPath, in: volume, 0) { return found }
        let mode = try volume.status().st_mode & 0o7777
        var directory = volume
        for component in subPath.split(separator: "/") where component != "." {
            let name = String(component)
            if let next = try find(name, in: directory, O_DIRECTORY) {
                directory = next
                continue
            }
            try retryingOnInterrupt("mkdirat", subPath) { mkdirat(directory.rawValue, name, mode) }
            directory = try directory.open(.beneathWithoutLinks, name, FileAccess.pathOnly | O_DIRECTORY)
        }
        return directory
    }

    private static func find(
        _ path: String, in directory: FileDescriptor, _ flags: Int32
    ) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) { return try directory.open(.beneath, path, FileAccess.pathOnly | flags) } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }
}

extension ContainerMount.Source {
    fileprivate var location: (path: String, subPath: String?) {
        switch self {
        case .host(let path, let subPath): (path, subPath)
        }
    }
}
