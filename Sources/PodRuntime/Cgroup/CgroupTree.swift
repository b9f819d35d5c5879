import Glibc
public import LinuxKernel

/// The control groups of one node instance.
///
/// ```
/// <parent>-system/                              shims, never under a pod's limit
/// <parent>/pod<id>/<container>-<attempt>/       guaranteed pods, as the kubelet places them
/// <parent>/burstable/pod<id>/<container>-<attempt>/
/// <parent>/besteffort/pod<id>/<container>-<attempt>/
/// ```
///
/// Limits are on the container's cgroup, which is fresh for each attempt: `memory.events` and `memory.peak` are
/// cumulative. No controller is enabled below it. `cgroup.subtree_control` is written while a subtree has no process.
/// All calls block for a short time; `removeTree` and `waitUnpopulated` for as long as they are told.
public struct CgroupTree: Sendable, Hashable {
    /// Absolute path of the cgroup that everything is below.
    public let parent: String
    /// Where shims live: the sibling of `parent`.
    public var system: String { parent + "-system" }
    /// The mount point above `parent`, or the temporary directory of a test.
    public let root: String
    /// What this host can enforce.
    public internal(set) var capabilities: HostCapabilities
    /// O_CREAT | O_TRUNC in tests on a temporary directory, where no kernel makes the files; 0 on a cgroup file system.
    let creationFlags: Int32

    /// Finds the cgroup2 mount and what it offers.
    ///
    /// - Parameter parent: absolute path below the cgroup2 mount point.
    /// - Throws: `RuntimeError(.sandbox)` where it is not there.
    public init(parent: String) throws {
        let mount = try CgroupMount.find()
        guard let root = mount.unified else {
            throw RuntimeError(
                .sandbox, step: "cgroup", object: parent,
                message: "no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup")
        }
        try self.init(parent: parent, root: root, capabilities: try HostCapabilities.detect())
    }

    /// - Parameters:
    ///   - root: mount point of the cgroup2 hierarchy, or the temporary directory of a test.
    ///   - capabilities: what the host can do, from `HostCapabilities.detect`.
    init(parent: String, root: String, capabilities: HostCapabilities, creationFlags: Int32 = 0) throws {
        guard parent.hasPrefix(root + "/"), !parent.split(separator: "/").contains("..") else {
            throw RuntimeError(
                .sandbox, step: "cgroup", object: parent,
                message: "the cgroup parent \(parent) is not below the cgroup2 mount point \(root)")
        }
        self.parent = parent
        self.root = root
        self.capabilities = capabilities
        self.creationFlags = creationFlags
    }

    /// Makes `parent`, its quality-of-service groups and `system`, and enables the controllers down to them. Harmless
    /// where they are there already.
    public func prepare() throws {
        try wrap(step: "cgroup", object: parent) { () throws(SystemError) in
            var path = root
            for component in parent.dropFirst(root.utf8.count).split(separator: "/") {
                try enableControllers(path)
                path += "/" + component
                try FileAccess.makeDirectory(path)
            }
            try FileAccess.makeDirectory(system)
            try enableControllers(parent)
            for level in [QualityOfService.burstable, .bestEffort] {
                try FileAccess.makeDirectory(directory(of: level))
                try enableControllers(directory(of: level))
            }
        }
    }

    /// Files that the controllers here lack on this kernel, each with what it takes. After `prepare`: only a cgroup with
    /// its controllers enabled has files to look for.
    public func findMissingFiles() -> [String: String] {
        var missing: [String: String] = [:]
        for controller in cgroupControllers where capabilities.controllers.contains(controller.name) {
            for (file, needed) in controller.laterFiles where !FileAccess.exists("\(directory(of: .burstable))/\(file)")
            {
                missing[file] = "this kernel has no \(file), which takes \(needed)"
            }
        }
        return missing
    }

    /// The cgroup that pods of a quality-of-service class are made in.
    public func directory(of qos: QualityOfService) -> String {
        switch qos {
        case .guaranteed: parent
        case .burstable: parent + "/burstable"
        case .bestEffort: parent + "/besteffort"
        }
    }

    public func podPath(id: String, qos: QualityOfService) -> String { "\(directory(of: qos))/pod\(id)" }

    /// Makes a pod's cgroup with its limits, and enables the controllers for its containers.
    ///
    /// - Returns: its path.
    /// - Throws: `RuntimeError(.unenforceable)` where a limit cannot be enforced here and `bestEffort` is not set;
    ///   nothing is left then.
    public func makePod(
        id: String, qos: QualityOfService, resources: CgroupResources, bestEffort: Bool
    ) throws -> String {
        try checkComponent(id)
        let path = podPath(id: id, qos: qos)
        let settings = try settings(for: resources, object: "pod \(id)", in: directory(of: qos), bestEffort: bestEffort)
        try make(path) {
            try wrap(step: "cgroup", object: path) { () throws(SystemError) in try enableControllers(path) }
            try apply(settings, to: path, bestEffort: bestEffort)
        }
        return path
    }

    /// Makes the cgroup that one attempt of a container is born in.
    public func makeContainer(
        podPath: String, name: String, attempt: Int, resources: CgroupResources, bestEffort: Bool
    ) throws -> CgroupHandle {
        try checkComponent(name)
        let path = "\(podPath)/\(name)-\(attempt)"
        let settings = try settings(
            for: resources, object: "container \(name)", in: podPath, bestEffort: bestEffort)
        try make(path) { try apply(settings, to: path, bestEffort: bestEffort) }
        return try open(path)
    }

    /// Makes a cgroup without limits below a container's, for one exec or probe.
    public func makeChild(of path: String, name: String) throws -> CgroupHandle {
        try checkComponent(name)
        let child = "\(path)/\(name)"
        try make(child) {}
        return try open(child)
    }

    /// A descriptor of a cgroup that is there, for CLONE_INTO_CGROUP.
    public func open(_ path: String) throws -> CgroupHandle {
        try wrap(step: "cgroup", object: path) { () throws(SystemError) in
            CgroupHandle(path: path, fd: try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY))
        }
    }

    // MARK: Errors

    func checkComponent(_ name: String) throws {
        guard !name.isEmpty, name.utf8.count <= 200, !name.contains("/"), !name.hasPrefix("."), !name.contains("\n")
        else {
            throw RuntimeError(.create, step: "cgroup", object: name, message: "\"\(name)\" cannot name a cgroup")
        }
    }

    func wrap<T>(step: String, object: String, _ body: () throws(SystemError) -> T) throws -> T {
        do throws(SystemError) {
            return try body()
        } catch {
            throw runtimeError(error, step: step, object: object)
        }
    }

    func runtimeError(_ error: SystemError, step: String, object: String) -> RuntimeError {
        RuntimeError(
            error.errno == EBUSY ? .timeout : .create, step: step, object: error.object.isEmpty ? object : error.object,
            errno: error.errno, message: "cgroup: \(error)")
    }
}

/// A cgroup and a descriptor of it, which keeps naming the same one.
public struct CgroupHandle: Sendable {
    public let path: String
    public let fd: FileDescriptor

    public init(path: String, fd: FileDescriptor) {
        self.path = path
        self.fd = fd
    }
}

extension Duration {
    /// Whole nanoseconds; 292 years at most.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multipliedReportingOverflow(by: 1_000_000_000).overflow
            ? .max / 2 : seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
