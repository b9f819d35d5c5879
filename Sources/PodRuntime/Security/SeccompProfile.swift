import LinuxKernel
import Synchronization

/// The default seccomp filter (`RuntimeDefault`).
///
/// An allow-list with the effect of the one that containerd and Docker use. What is known and not on it answers EPERM;
/// what is newer than the list answers ENOSYS, and so does clone3 (its flags are behind a pointer that no filter can
/// read): C libraries fall back on ENOSYS and give up on EPERM.
public enum SeccompProfile {
    /// System calls with greater numbers were not considered when the lists were written: 450 is
    /// set_mempolicy_home_node. From 403 on the numbers are the same on all architectures.
    static let newest: UInt32 = 450

    private static let cache = Mutex<[UInt64: [UInt8]]>([:])

    /// The filter for a container with these capabilities, as the kernel takes it; built once for each set.
    ///
    /// - Throws: `RuntimeError(.create)` where libseccomp refuses a rule.
    public static func runtimeDefault(capabilities: UInt64) throws -> [UInt8] {
        // Only these make a difference.
        let relevant = try SystemCallList.byCapability.keys.reduce(into: UInt64(0)) { mask, name in
            mask |= try Capabilities.mask(add: [name], drop: ["ALL"], privileged: false)
        }
        let key = capabilities & relevant
        if let known = cache.withLock({ $0[key] }) { return known }
        let program: [UInt8]
        do {
            program = try build(capabilities: key)
        } catch let error as SystemError {
            throw RuntimeError(
                .create, step: "seccomp", object: error.object, errno: error.errno,
                message: "cannot build the default seccomp filter: \(error)")
        }
        cache.withLock { $0[key] = program }
        return program
    }

    private static func build(capabilities: UInt64) throws -> [UInt8] {
        let operationNotPermitted: Int32 = 1
        let notImplemented: Int32 = 38
        let filter = try SeccompFilter(defaultErrno: operationNotPermitted)
        var allowed = Set(SystemCallList.always)
        for (name, calls) in SystemCallList.byCapability where Capabilities.contains(capabilities, name) {
            allowed.formUnion(calls)
        }
        for name in allowed.sorted() { try filter.allow(name) }
        for persona in SystemCallList.personalities {
            try filter.allow("personality", argument: 0, mask: .max, equals: persona)
        }
        // Sockets to the hypervisor (AF_VSOCK, 40) know no network namespace.
        try filter.allow("socket", unlessArgument: 0, equals: 40)
        if !allowed.contains("clone") {
            try filter.allow("clone", argument: 0, mask: SystemCallList.namespaceFlags, equals: 0)
            try filter.refuse("clone3", errno: notImplemented)
        }
        return try filter.program(newest: newest)
    }
}
