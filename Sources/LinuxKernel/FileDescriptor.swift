#if canImport(Glibc)
    import Glibc
#endif

/// A file descriptor with one owner: closed when the last reference goes.
///
/// It is a class so that it can stand in arrays and travel between tasks; the number never changes while it lives.
public final class FileDescriptor: Sendable {
    public let rawValue: Int32

    /// Takes over `rawValue`, which nobody else may close.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        // close(2) on Linux releases the number even where it answers EINTR: never again.
        _ = Glibc.close(rawValue)
    }
}
