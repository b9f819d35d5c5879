internal import CLinux
internal import Glibc

/// A signal as a readable descriptor (signalfd(2)); the signal is blocked in the thread that makes it.
public struct SignalDescriptor: Sendable {
    public let descriptor: FileDescriptor

    public init(_ signal: Int32) throws(SystemError) {
        descriptor = FileDescriptor(owning: try SystemError.check("signalfd", clx_signalfd(signal)))
    }

    /// Takes note of all that is pending.
    public func drain() { clx_signalfd_drain(descriptor.rawValue) }
}
