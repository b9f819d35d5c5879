internal import CLinux
internal import Glibc

/// Mounts: mount(2), umount2(2) and the descriptor-based calls (fsopen(2), open_tree(2), move_mount(2)).
public enum Mount {
    /// Attributes of one mount (MOUNT_ATTR_* of mount_setattr(2)).
    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }
        public static let readOnly = Attributes(rawValue: 0x1)
        public static let noSetuid = Attributes(rawValue: 0x2)
        public static let noDevices = Attributes(rawValue: 0x4)
        public static let noExecute = Attributes(rawValue: 0x8)
        public static let idMapped = Attributes(rawValue: 0x0010_0000)
        public static let noSymlinks = Attributes(rawValue: 0x0020_0000)
    }

    /// How mounts below travel between peers (mount_namespaces(7)).
    public enum Propagation: Sendable {
        case unchanged
        case `private`
        case slave
        case shared

        var flag: UInt64 {
            switch self {
            case .unchanged: 0
            case .private: 1 << 18
            case .slave: 1 << 19
            case .shared: 1 << 20
            }
        }
    }

    public static func mount(
        _ source: String, on target: String, type: String, flags: UInt = 0, data: String = ""
    ) throws(SystemError) {
        try SystemError.check("mount", target, clx_mount(source, target, type, flags, data))
    }

    /// Unmounts at once, or (lazily) as soon as nobody uses it; a path that is no mount is fine.
    public static func unmount(_ target: String, lazily: Bool = true) throws(SystemError) {
        // MNT_DETACH 2, UMOUNT_NOFOLLOW 8
        let result = clx_umount(target, lazily ? 2 | 8 : 8)
        if result == -EINVAL || result == -ENOENT { return }
        try SystemError.check("umount2", target, result)
    }

    /// A detached copy of the mount at a directory or file, which can be attached in another mount namespace. It
    /// goes away with its descriptor.
    public static func detachedCopy(
        of source: FileDescriptor, recursive: Bool, name: String = ""
    ) throws(SystemError) -> FileDescriptor {
        // OPEN_TREE_CLONE 1, OPEN_TREE_CLOEXEC O_CLOEXEC, AT_EMPTY_PATH 0x1000, AT_RECURSIVE 0x8000
        let flags = UInt32(1) | UInt32(O_CLOEXEC) | 0x1000 | (recursive ? 0x8000 : 0)
        return FileDescriptor(
            owning: try SystemError.check("open_tree", name, clx_open_tree(source.rawValue, "", flags)))
    }

    /// Changes a mount's attributes and propagation; `recursive` for all mounts below it, too.
    public static func setAttributes(
        of mount: FileDescriptor, set: Attributes = [], clear: Attributes = [],
        propagation: Propagation = .unchanged, recursive: Bool = false, userNamespace: FileDescriptor? = nil
    ) throws(SystemError) {
        try SystemError.check(
            "mount_setattr",
            clx_mount_setattr(
                mount.rawValue, "", 0x1000 | (recursive ? 0x8000 : 0), set.rawValue, clear.rawValue, propagation.flag,
                userNamespace?.rawValue ?? -1))
    }

    /// A new file system, mounted nowhere yet. `options` with a nil value are flags.
    public static func newFileSystem(
        _ type: String, options: [(String, String?)], attributes: Attributes = []
    ) throws(SystemError) -> FileDescriptor {
        let context = FileDescriptor(owning: try SystemError.check("fsopen", type, clx_fsopen(type)))
        for (key, value) in options {
            try SystemError.check("fsconfig", "\(type) \(key)", clx_fsconfig_set(context.rawValue, key, value))
        }
        try SystemError.check("fsconfig", "\(type) create", clx_fsconfig_create(context.rawValue))
        return FileDescriptor(
            owning: try SystemError.check(
                "fsmount", type, clx_fsmount(context.rawValue, UInt32(truncatingIfNeeded: attributes.rawValue))))
    }

    /// Attaches a detached mount at an open target.
    public static func attach(_ mount: FileDescriptor, to target: FileDescriptor) throws(SystemError) {
        // MOVE_MOUNT_F_EMPTY_PATH 4, MOVE_MOUNT_T_EMPTY_PATH 0x40
        try SystemError.check("move_mount", clx_move_mount(mount.rawValue, "", target.rawValue, "", 0x44))
    }
}
