internal import Glibc

extension FileDescriptor {
    /// Sets the permission bits, whatever the umask was when the file was made (fchmod(2)).
    public func setMode(_ mode: UInt32) throws(SystemError) {
        try retryingOnInterrupt("fchmod") { fchmod(rawValue, mode) }
    }

    /// Sets owner and group; nil leaves one as it is (fchown(2)).
    public func setOwner(user: UInt32?, group: UInt32?) throws(SystemError) {
        // -1 means unchanged.
        try retryingOnInterrupt("fchown") { fchown(rawValue, user ?? .max, group ?? .max) }
    }
}
