internal import CLinux
internal import Glibc

/// A seccomp filter under construction (libseccomp), for the architecture of this machine and its 32-bit sibling.
public final class SeccompFilter {
    private let filter: UnsafeMutableRawPointer

    /// - Parameter defaultErrno: what a system call answers that no rule mentions.
    public init(defaultErrno: Int32) throws(SystemError) {
        guard let filter = clx_seccomp_new(defaultErrno) else {
            throw SystemError(call: "seccomp_init", errno: ENOMEM)
        }
        self.filter = filter
    }

    deinit { clx_seccomp_free(filter) }

    /// - Returns: false where the installed libseccomp does not know the name.
    @discardableResult
    public func allow(_ name: String) throws(SystemError) -> Bool {
        try check(name, clx_seccomp_allow(filter, name))
    }

    /// Allows a call where the argument at `index`, masked, equals `value`.
    @discardableResult
    public func allow(_ name: String, argument index: Int, mask: UInt64, equals value: UInt64) throws(SystemError)
        -> Bool
    {
        try check(name, clx_seccomp_allow_masked(filter, name, UInt32(index), mask, value))
    }

    /// Allows a call unless the argument at `index` equals `value`.
    @discardableResult
    public func allow(_ name: String, unlessArgument index: Int, equals value: UInt64) throws(SystemError) -> Bool {
        try check(name, clx_seccomp_allow_unless(filter, name, UInt32(index), value))
    }

    @discardableResult
    public func refuse(_ name: String, errno: Int32) throws(SystemError) -> Bool {
        try check(name, clx_seccomp_errno(filter, name, errno))
    }

    private func check(_ name: String, _ result: Int32) throws(SystemError) -> Bool {
        if result == -ENOENT { return false }
        try SystemError.check("seccomp_rule_add", name, result)
        return true
    }

    /// The program as the kernel takes it: an array of `struct sock_filter`, eight bytes each.
    ///
    /// - Parameter newest: system calls with a greater number answer ENOSYS, as on a kernel that lacks them, so that
    ///   C libraries fall back to older ones.
    public func program(newest: UInt32) throws(SystemError) -> [UInt8] {
        // The kernel takes at most 4096 instructions (BPF_MAXINSNS).
        var program = [UInt8](repeating: 0, count: 4096 * 8)
        let length = clx_seccomp_export(filter, newest, &program, program.count)
        if length < 0 { throw SystemError(call: "seccomp_export_bpf", errno: Int32(-length)) }
        return Array(program[..<Int(length)])
    }
}

/// Names of capabilities, as libcap knows them.
public enum CapabilityName {
    /// The number of `CAP_CHOWN` or `cap_chown`; nil where there is none of that name.
    public static func number(_ name: String) -> Int? {
        let number = clx_capability_number(name)
        return number < 0 ? nil : Int(number)
    }

    /// `CAP_CHOWN` for 0; nil where the running kernel has no such capability.
    public static func name(_ number: Int) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        guard clx_capability_name(Int32(number), &buffer, buffer.count) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// How many capabilities the running kernel has.
    public static var count: Int { Int(clx_capability_count()) }
}
