/// Everything that happens between clone3 and exec, as flat bytes that C walks without allocating.
///
/// The layout is that of `clx_plan_header` and `clx_step` in clx_launch.h: a header of 32 bytes, steps of 56 bytes,
/// then tables and strings. A walker refuses steps that it does not know.
public struct LaunchPlan: Sendable {
    /// A descriptor by its place in the supervisor's table.
    public enum Descriptor: Sendable, Hashable {
        case networkNamespace, utsNamespace, ipcNamespace, userNamespace, pidNamespace
        case standardInput, standardOutput, standardError
        /// The nth of those that came with the plan.
        case attached(Int)

        var index: Int32 {
            switch self {
            case .networkNamespace: 0
            case .utsNamespace: 1
            case .ipcNamespace: 2
            case .userNamespace: 3
            case .pidNamespace: 4
            case .standardInput: 5
            case .standardOutput: 6
            case .standardError: 7
            case .attached(let number): 8 + Int32(number)
            }
        }
    }

    /// MOUNT_ATTR_* of mount_setattr(2).
    public struct MountAttributes: OptionSet, Sendable, Hashable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        public static let readOnly = MountAttributes(rawValue: 1)
        public static let noSetuid = MountAttributes(rawValue: 2)
        public static let noDevices = MountAttributes(rawValue: 4)
        public static let noExecute = MountAttributes(rawValue: 8)
        public static let strictAccessTime = MountAttributes(rawValue: 0x20)
    }

    /// Namespaces that step B is born into (CLONE_NEW*).
    public struct NewNamespaces: OptionSet, Sendable, Hashable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        public static let mount = NewNamespaces(rawValue: 0x0002_0000)
        public static let cgroup = NewNamespaces(rawValue: 0x0200_0000)
        public static let pid = NewNamespaces(rawValue: 0x2000_0000)
    }

    /// One thing that the walker does. "In the root" means: resolved by openat2 RESOLVE_IN_ROOT against the directory
    /// that `root` opened; what is missing of a mount's target is made.
    public enum Step: Sendable, Hashable {
        /// Joins a namespace (setns(2)); `type` is its CLONE_NEW* flag.
        case joinNamespace(Descriptor, type: UInt64)
        /// setsid(2)
        case newSession
        /// A session keyring of its own (keyctl(2)).
        case newKeyring
        /// Propagation of a mount; `flags` are MS_*.
        case setPropagation(path: String, flags: UInt64)
        /// chdir(2) outside of the root.
        case changeDirectory(String)
        /// mount(2) by path, outside of the root.
        case mount(source: String, target: String, type: String, flags: UInt64, data: String)
        /// Opens the root that later steps resolve in.
        case root(String)
        case makeDirectory(path: String, mode: UInt32)
        /// A new file system, in the root; options are `key=value` or a flag's name.
        case mountFileSystem(type: String, target: String, options: [String], attributes: MountAttributes)
        /// A detached mount, in the root.
        case attachMount(Descriptor, target: String, isFile: Bool)
        /// A mount of the host by its path, in the root.
        case bind(source: String, target: String, attributes: MountAttributes, isFile: Bool)
        case makeSymbolicLink(path: String, text: String)
        /// mknod(2) in the root; `mode` with the file type.
        case makeDevice(path: String, mode: UInt32, major: UInt32, minor: UInt32)
        /// Hides a path in the root: an empty directory, or /dev/null over a file.
        case mask(path: String, emptyDirectory: String)
        case makeReadOnly(path: String)
        /// The root itself becomes read-only.
        case sealRoot
        case pivotRoot
        /// Writes to a file of the host.
        case write(path: String, text: String)
        /// prlimit(2)
        case setLimit(resource: UInt64, soft: UInt64, hard: UInt64)
        case setUmask(UInt32)
        /// dup2(2) onto 0, 1 or 2.
        case setStandardStream(Descriptor, number: Int)
        /// Made if it is missing; a failure if it is outside of the root.
        case setWorkingDirectory(String)
        case setGroups([UInt32])
        case setUser(uid: UInt32, gid: UInt32)
        /// Capabilities that stay in the bounding set, as a mask.
        case limitCapabilities(UInt64)
        /// Permitted and effective capabilities, as a mask.
        case setCapabilities(UInt64)
        case setNoNewPrivileges
        /// A BPF program as `struct sock_filter`s of 8 bytes.
        case setSeccompFilter([UInt8])
        /// Close-on-exec for all descriptors but 0, 1 and 2.
        case closeDescriptors
        /// `searchPath` counts where the first argument has no slash.
        case execute(arguments: [String], environment: [String], searchPath: String)
        /// Stays as PID 1 and reaps.
        case pause

        /// The number of the step's kind on the wire.
        public var kind: UInt16 {
            switch self {
            case .joinNamespace: 1
            case .newSession: 2
            case .newKeyring: 3
            case .setPropagation: 4
            case .changeDirectory: 5
            case .mount: 6
            case .root: 7
            case .makeDirectory: 8
            case .mountFileSystem: 9
            case .attachMount: 10
            case .bind: 11
            case .makeSymbolicLink: 12
            case .makeDevice: 13
            case .mask: 14
            case .makeReadOnly: 15
            case .sealRoot: 16
            case .pivotRoot: 17
            case .write: 18
            case .setLimit: 19
            case .setUmask: 20
            case .setStandardStream: 21
            case .setWorkingDirectory: 22
            case .setGroups: 23
            case .setUser: 24
            case .limitCapabilities: 25
            case .setCapabilities: 26
            case .setNoNewPrivileges: 27
            case .setSeccompFilter: 28
            case .closeDescriptors: 29
            case .execute: 30
            case .pause: 31
            }
        }
    }

    /// What step A does before the second clone: join namespaces, and what can be done from outside of them only.
    public private(set) var joins: [(step: Step, optional: Bool)] = []
    /// What step B does.
    public private(set) var steps: [(step: Step, optional: Bool)] = []
    public var newNamespaces: NewNamespaces

    public init(newNamespaces: NewNamespaces) {
        self.newNamespaces = newNamespaces
    }

    /// Appends to what step A does; the failure of an optional step is ignored.
    public mutating func join(_ step: Step, optional: Bool = false) { joins.append((step, optional)) }

    /// Appends to what step B does; the failure of an optional step is ignored.
    public mutating func add(_ step: Step, optional: Bool = false) { steps.append((step, optional)) }

    /// The step with an index of a failure or a time stamp; nil for the second clone.
    public func step(at index: Int) -> Step? {
        if index < joins.count { return joins[index].step }
        let rest = index - joins.count
        return steps.indices.contains(rest) ? steps[rest].step : nil
    }

    public var count: Int { joins.count + steps.count }
}
