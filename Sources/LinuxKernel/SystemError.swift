import CLinux

#if canImport(Glibc)
    public import Glibc
#endif

/// A system call that failed, with its facts kept as fields.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The call's name as in its man page, e.g. `openat2`.
    public let call: String
    /// What it was about: a path, a device, a cgroup; empty where there is none.
    public let object: String
    /// Positive errno.
    public let errno: Int32

    public init(call: String, object: String = "", errno: Int32) {
        self.call = call
        self.object = object
        self.errno = errno
    }

    /// The errno in words, e.g. `no such file or directory`.
    public var reason: String {
        var text = String(cString: strerror(errno))
        if let first = text.first { text.replaceSubrange(text.startIndex...text.startIndex, with: first.lowercased()) }
        return text
    }

    public var description: String {
        object.isEmpty ? "\(call): \(reason)" : "\(call) \(object): \(reason)"
    }
}

/// Runs a call that answers -1 and sets errno, again where a signal interrupted it.
@inlinable
@discardableResult
public func retryingOnInterrupt<Result: SignedInteger>(
    _ call: @autoclosure () -> String, _ object: @autoclosure () -> String = "", _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = Glibc.errno
        if code == EINTR { continue }
        throw SystemError(call: call(), object: object(), errno: code)
    }
}
