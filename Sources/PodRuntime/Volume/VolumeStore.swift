internal import Glibc
internal import LinuxKernel

/// The directories that pods' volumes are: below `dataDirectory` what has to outlive a reboot, below `runDirectory`,
/// which is a tmpfs, what must not (Secrets, say) or need not.
///
/// Every call blocks for as long as its files take: they belong on a pool's thread. Calls for one pod follow one
/// another; calls for different pods may be made at the same time.
public struct VolumeStore: Sendable {
    private let durable: String
    private let volatile: String

    public init(dataDirectory: String, runDirectory: String) {
        durable = "\(dataDirectory)/volumes"
        volatile = "\(runDirectory)/volumes"
    }

    /// A directory on the disk, empty when it is made, writable for everyone; its path.
    public func directory(pod: String, name: String, group: UInt32? = nil) throws -> String {
        try make(directoryPath(pod: pod, name: name), mode: group == nil ? 0o777 : 0o2777, group: group)
    }

    /// A tmpfs that the pod's containers share; its path. Made once: a second call finds it mounted.
    /// - Parameter sizeLimit: bytes; nil takes the kernel's default, half of the memory.
    public func memory(pod: String, name: String, sizeLimit: Int64?, group: UInt32? = nil) throws -> String {
        let path = "\(volatile)/\(pod)/\(name)"
        if try isMount(path) { return path }
        // A mode of its own: the directory below the mount is nobody's.
        _ = try make(path, mode: 0o700)
        do {
            var options = "mode=\(group == nil ? "0777" : "2777")"
            if let sizeLimit { options += ",size=\(sizeLimit)" }
            if let group { options += ",gid=\(group)" }
            // MS_NOSUID 2, MS_NODEV 4
            try Mount.mount("tmpfs", on: path, type: "tmpfs", flags: 2 | 4, data: options)
        } catch { throw Self.error(error) }
        return path
    }

    /// A directory with files that change together: all of them at once, by the rename of one link.
    ///
    ///     name -> ..data/name      what is asked for: one link for each first component of a path
    ///     ..data -> ..2026_11_21_02_30_00.123456789
    ///     ..2026_11_21_02_30_00.123456789/name
    ///
    /// Kubernetes' programs know the layout (`volume/util/atomic_writer.go`): a reader that follows `..data` once sees
    /// files of one version. Returns whether anything changed.
    @discardableResult
    public func write(_ files: [VolumeFile], pod: String, name: String, group: UInt32? = nil) throws -> Bool {
        try write(files, to: make("\(volatile)/\(pod)/\(name)", mode: 0o755), group: group)
    }

    /// Where `write` puts a volume's files, and `memory` its tmpfs.
    public func filesPath(pod: String, name: String) -> String { "\(volatile)/\(pod)/\(name)" }

    /// Where `directory` makes a volume.
    public func directoryPath(pod: String, name: String) -> String { "\(durable)/\(pod)/\(name)" }

    /// Makes the directory that a mount's `subPath` names, where it is missing. Nothing in the path may be a link: a
    /// container may have put it there.
    public func makeSubPath(_ path: String, in volume: String) throws {
        do throws(SystemError) {
            var directory = try FileAccess.open(volume, O_RDONLY | O_DIRECTORY)
            for component in path.split(separator: "/") {
                guard component != ".." else {
                    throw SystemError(call: "mkdir", object: path, errno: EXDEV)
                }
                let name = String(component)
                do throws(SystemError) {
                    directory = try directory.open(.beneathWithoutLinks, name, O_RDONLY | O_DIRECTORY)
                } catch  where error.errno == ENOENT {
                    try FileAccess.makeDirectory("\(directory.procPath)/\(name)", mode: 0o755)
                    directory = try directory.open(.beneathWithoutLinks, name, O_RDONLY | O_DIRECTORY)
                } catch  where error.errno == ENOTDIR || error.errno == ELOOP {
                    // A file, or one of our own links to one: the mount resolves it and finds out.
                    return
                }
            }
        } catch { throw Self.error(error) }
    }

    /// Takes away all volumes of a pod.
    public func removeAll(pod: String) throws {
        do {
            let directory = "\(volatile)/\(pod)"
            if FileAccess.exists(directory) {
                for name in try FileAccess.list(directory) { try Mount.unmount("\(directory)/\(name)") }
                try FileAccess.removeTree(directory)
            }
            let onDisk = "\(durable)/\(pod)"
            if FileAccess.exists(onDisk) { try FileAccess.removeTree(onDisk) }
        } catch { throw Self.error(error) }
    }

    /// Pods that have volumes here, whether they still exist or not.
    public func pods() -> Set<String> {
        Set([durable, volatile].flatMap { (try? FileAccess.list($0)) ?? [] })
    }

    // MARK: -

    private func make(_ path: String, mode: UInt32, group: UInt32? = nil) throws -> String {
        do {
            if FileAccess.exists(path) { return path }
            // Other users pass through; what they may read is each volume's own business.
            try FileAccess.makeDirectories(FileAccess.split(path).directory, mode: 0o711)
            try FileAccess.makeDirectory(path, mode: mode)
            let directory = try FileAccess.open(path, O_RDONLY | O_DIRECTORY)
            if let group { try directory.setOwner(user: nil, group: group) }
            try directory.setMode(mode)
            return path
        } catch { throw Self.error(error) }
    }

    /// A mount is on another device than the directory that it is in.
    private func isMount(_ path: String) throws -> Bool {
        do {
            guard FileAccess.exists(path) else { return false }
            return try FileAccess.status(path).st_dev
                != FileAccess.status(FileAccess.split(path).directory).st_dev
        } catch { throw Self.error(error) }
    }

    static func error(_ error: SystemError) -> RuntimeError {
        RuntimeError(
            .create, step: error.call, object: error.object, errno: error.errno,
            message: "\(error.call) \(error.object): \(error.reason)")
    }
}
