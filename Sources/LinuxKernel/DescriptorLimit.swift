internal import Glibc

/// How many descriptors this process may have (RLIMIT_NOFILE).
public enum DescriptorLimit {
    /// Raises the soft limit to the hard one; true where that was more. Login shells have a soft limit of 1,024 for the
    /// sake of select(2), which nothing here calls.
    @discardableResult public static func raise() throws(SystemError) -> Bool {
        var files = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &files) == 0 else { throw SystemError(call: "getrlimit", errno: errno) }
        guard files.rlim_cur < files.rlim_max else { return false }
        files.rlim_cur = files.rlim_max
        guard setrlimit(resource, &files) == 0 else { throw SystemError(call: "setrlimit", errno: errno) }
        return true
    }
}
