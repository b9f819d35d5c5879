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
    /// Controllers that this host can enable below `parent`.
    public let controllers: Set<String>
    /// Controller to why it is missing and what to do.
    public let missing: [String: String]
    /// O_CREAT in tests on a temporary directory, where no kernel makes the files; 0 on a cgroup file system.
    let creationFlags: Int32

    /// - Parameters:
    ///   - parent: absolute path below `root`.
    ///   - root: mount point of the cgroup2 hierarchy.
    ///   - capabilities: what the host can do, from `HostCapabilities.detect`.
    public init(parent: String, root: String, capabilities: HostCapabilities) throws {
        try self.init(
            parent: parent, root: root, controllers: capabilities.controllers, missing: capabilities.missing,
            creationFlags: 0)
    }

    /// Finds the cgroup2 mount and what it offers.
    ///
    /// - Throws: `RuntimeError(.sandbox)` where `parent` is not below the cgroup2 mount point.
    public init(parent: String) throws {
        let mount = try CgroupMount.find()
        guard let root = mount.unified else {
            throw RuntimeError(
                .sandbox, step: "cgroup", object: parent,
                message: "no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup")
        }
        try self.init(parent: parent, root: root, capabilities: try HostCapabilities.detect())
    }

    init(
        parent: String, root: String, controllers: Set<String>, missing: [String: String], creationFlags: Int32
    ) throws {
        guard parent.hasPrefix(root + "/"), !parent.split(separator: "/").contains("..") else {
            throw RuntimeError(
                .sandbox, step: "cgroup", object: parent,
                message: "the cgroup parent \(parent) is not below the cgroup2 mount point \(root)")
        }
        self.parent = parent
        self.root = root
        self.controllers = controllers
        self.missing = missing
        self.creationFlags = creationFlags
    }

    /// Makes `parent`, its quality-of-service groups and `system`, and enables the controllers down to them. Harmless
    /// where they are there already.
    ///
    /// - Parameter allocatable: limits of all pods together.
    public func prepare(allocatable: CgroupResources = CgroupResources()) throws {
        try wrap(step: "cgroup", object: parent) { () throws(SystemError) in
            var path = root
            for component in parent.dropFirst(root.utf8.count).split(separator: "/") {
                try enableControllers(path)
                path += "/" + component
                try FileAccess.makeDirectory(path)
            }
            try FileAccess.makeDirectory(system)
            try enableControllers(parent)
            try apply(allocatable, to: parent)
            for level in [QualityOfService.burstable, .bestEffort] {
                try FileAccess.makeDirectory(directory(of: level))
                try enableControllers(directory(of: level))
            }
        }
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
        try checkEnforceable(resources, object: "pod \(id)", bestEffort: bestEffort)
        let path = podPath(id: id, qos: qos)
        try make(path) { () throws(SystemError) in
            try enableControllers(path)
            try apply(resources, to: path)
        }
        return path
    }

    /// Makes the cgroup that one attempt of a container is born in.
    public func makeContainer(
        podPath: String, name: String, attempt: Int, resources: CgroupResources, bestEffort: Bool
    ) throws -> CgroupHandle {
        try checkComponent(name)
        try checkEnforceable(resources, object: "container \(name)", bestEffort: bestEffort)
        let path = "\(podPath)/\(name)-\(attempt)"
        try make(path) { () throws(SystemError) in try apply(resources, to: path) }
        return try open(path)
    }

    /// Makes a cgroup without limits below a container's, for one exec or probe.
    public func makeChild(of path: String, name: String) throws -> CgroupHandle {
        try checkComponent(name)
        let child = "\(path)/\(name)"
        try make(child) { () throws(SystemError) in }
        return try open(child)
    }

    /// A descriptor of a cgroup that is there, for CLONE_INTO_CGROUP.
    public func open(_ path: String) throws -> CgroupHandle {
        try wrap(step: "cgroup", object: path) { () throws(SystemError) in
            CgroupHandle(path: path, fd: try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY))
        }
    }

    /// The limits in `resources` that this host does not enforce, each with the reason and the remedy.
    public func unenforced(_ resources: CgroupResources) -> [String] {
        cgroupControllers.filter { !controllers.contains($0.name) }.flatMap { controller in
            controller.limits(in: resources).map {
                "\($0) cannot be enforced: \(missing[controller.name] ?? "no controller \(controller.name)")"
            }
        }
    }

    private func checkEnforceable(_ resources: CgroupResources, object: String, bestEffort: Bool) throws {
        guard !bestEffort else { return }
        let problems = unenforced(resources)
        guard problems.isEmpty else {
            throw RuntimeError(
                .unenforceable, step: "cgroup", object: object, message: problems.joined(separator: "; "))
        }
    }

    // MARK: Killing and removing

    /// Kills every process in a cgroup and below it at once (cgroup.kill, Linux 5.14). A cgroup that is gone is no error.
    public func kill(_ path: String) throws {
        do throws(SystemError) {
            try write("1", to: "\(path)/cgroup.kill")
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return }
            throw runtimeError(error, step: "cgroup.kill", object: path)
        }
    }

    /// Waits until no process lives in a cgroup or below it, told by the kernel's notifications on `cgroup.events`.
    ///
    /// - Returns: false where `deadline` passed before.
    public func waitUnpopulated(_ path: String, deadline: Duration) throws -> Bool {
        do throws(SystemError) {
            let end = Monotonic.nanoseconds() + deadline.nanoseconds
            let inotify = try Inotify()
            // Watched before it is looked at, so that no change falls in between.
            try inotify.add("\(path)/cgroup.events", Int32(IN_MODIFY))
            while true {
                guard try isPopulated(path) else { return true }
                let left = end - Monotonic.nanoseconds()
                guard left > 0 else { return false }
                _ = try inotify.wait(milliseconds: Int32(clamping: left / 1_000_000 + 1))
                _ = try inotify.take()
            }
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return true }
            throw runtimeError(error, step: "cgroup.events", object: path)
        }
    }

    private func isPopulated(_ path: String) throws(SystemError) -> Bool {
        parseFlatKeyed(try FileAccess.readText("\(path)/cgroup.events"))["populated"] != 0
    }

    /// Removes a cgroup and all below it, deepest first. A cgroup that still has processes (they were killed, and the
    /// kernel is not through with them) is waited for by its notifications, up to `deadline` in all.
    public func removeTree(_ path: String, deadline: Duration = .seconds(5)) throws {
        let end = Monotonic.nanoseconds() + deadline.nanoseconds
        try removeTree(path, end: end)
    }

    private func removeTree(_ path: String, end: Int64) throws {
        for _ in 0..<16 {
            do throws(SystemError) {
                for child in try children(path) { try removeNested("\(path)/\(child)", end: end) }
                try removeOne(path)
                return
            } catch {
                switch error.errno {
                case ENOENT, ENODEV: return
                case EBUSY, ENOTEMPTY:
                    let left = end - Monotonic.nanoseconds()
                    guard left > 0, try waitUnpopulated(path, deadline: .nanoseconds(left)) else {
                        throw runtimeError(error, step: "rmdir", object: path)
                    }
                default: throw runtimeError(error, step: "rmdir", object: path)
                }
            }
        }
        throw RuntimeError(
            .timeout, step: "rmdir", object: path, errno: EBUSY,
            message: "cgroup \(path) stays busy although it has no process")
    }

    private func removeNested(_ path: String, end: Int64) throws(SystemError) {
        for child in try children(path) { try removeNested("\(path)/\(child)", end: end) }
        try removeOne(path)
    }

    private func removeOne(_ path: String) throws(SystemError) {
        // A test's temporary directory has files that rmdir does not take along, as the kernel's does.
        if creationFlags != 0 { return try FileAccess.removeTree(path) }
        do {
            try FileAccess.removeDirectory(path)
        } catch {
            // Someone else was faster.
            if error.errno != ENOENT && error.errno != ENODEV { throw error }
        }
    }

    private func children(_ path: String) throws(SystemError) -> [String] {
        do {
            return try FileAccess.list(path).filter { FileAccess.kind("\(path)/\($0)") == .directory }
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return [] }
            throw error
        }
    }

    /// Every pod's cgroup that exists, by pod id.
    public func pods() throws -> [String: String] {
        var found: [String: String] = [:]
        for directory in QualityOfService.allCases.map(directory(of:)) {
            guard let names = try? children(directory) else { continue }
            for name in names where name.hasPrefix("pod") {
                found[String(name.dropFirst(3))] = "\(directory)/\(name)"
            }
        }
        return found
    }

    /// Removes `parent` and `system` when no pod is left: the node goes down with its pods.
    public func removeAll(deadline: Duration = .seconds(10)) throws {
        for path in [parent, system] {
            try kill(path)
            _ = try waitUnpopulated(path, deadline: deadline)
            try removeTree(path, deadline: deadline)
        }
    }

    // MARK: Reading

    /// How many processes the OOM killer has killed in a cgroup and below it; 0 without the memory controller.
    public func oomKills(_ path: String) -> Int { Int(memoryEvents(path)?.oomKill ?? 0) }

    /// Nil without the memory controller. `local` leaves out what happened at limits below.
    public func memoryEvents(_ path: String, local: Bool = false) -> MemoryEvents? {
        (try? FileAccess.readText("\(path)/memory.events\(local ? ".local" : "")")).map(MemoryEvents.init)
    }

    public func cpuStatistics(_ path: String) -> CpuStatistics? {
        (try? FileAccess.readText("\(path)/cpu.stat")).map(CpuStatistics.init)
    }

    /// `memory.current`, bytes; nil without the memory controller.
    public func memoryCurrent(_ path: String) -> Int64? {
        (try? FileAccess.readText("\(path)/memory.current")).flatMap { Int64($0) }
    }

    /// Pids in the cgroup itself.
    public func processes(_ path: String) throws -> [Int32] {
        try wrap(step: "cgroup", object: path) { () throws(SystemError) in
            try FileAccess.readText("\(path)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
        }
    }

    // MARK: Writing

    private func make(_ path: String, _ fill: () throws(SystemError) -> Void) throws {
        do throws(SystemError) {
            try FileAccess.makeDirectory(path, exclusive: true)
        } catch {
            let kind: RuntimeError.Kind = error.errno == EEXIST ? .alreadyExists : .create
            throw RuntimeError(
                kind, step: "cgroup", object: path, errno: error.errno, message: "cgroup: \(error)")
        }
        do throws(SystemError) {
            try fill()
        } catch {
            try? removeTree(path)
            throw runtimeError(error, step: "cgroup", object: path)
        }
    }

    private func enableControllers(_ path: String) throws(SystemError) {
        let wanted = cgroupControllers.map { $0.name }.filter(controllers.contains)
        guard !wanted.isEmpty else { return }
        let file = "\(path)/cgroup.subtree_control"
        let enabled = (try? FileAccess.readText(file))?.split(separator: " ").map(String.init) ?? []
        let lacking = wanted.filter { !enabled.contains($0) }
        guard !lacking.isEmpty else { return }
        try write(lacking.map { "+\($0)" }.joined(separator: " "), to: file)
    }

    private func apply(_ resources: CgroupResources, to path: String) throws(SystemError) {
        for controller in cgroupControllers where controllers.contains(controller.name) {
            for setting in controller.settings(for: resources) {
                do {
                    try write(setting.value, to: "\(path)/\(setting.file)")
                } catch {
                    if setting.optional && error.errno == ENOENT { continue }
                    throw error
                }
            }
        }
    }

    private func write(_ value: String, to file: String) throws(SystemError) {
        let descriptor = try FileDescriptor.open(file, O_WRONLY | creationFlags, mode: 0o600)
        do { try descriptor.writeAll(value) } catch {
            throw SystemError(call: error.call, object: "\(file) (\(value))", errno: error.errno)
        }
    }

    private func checkComponent(_ name: String) throws {
        guard !name.isEmpty, name.utf8.count <= 200, !name.contains("/"), !name.hasPrefix("."), !name.contains("\n")
        else {
            throw RuntimeError(.create, step: "cgroup", object: name, message: "\"\(name)\" cannot name a cgroup")
        }
    }

    private func wrap<T>(step: String, object: String, _ body: () throws(SystemError) -> T) throws -> T {
        do throws(SystemError) {
            return try body()
        } catch {
            throw runtimeError(error, step: step, object: object)
        }
    }

    private func runtimeError(_ error: SystemError, step: String, object: String) -> RuntimeError {
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
