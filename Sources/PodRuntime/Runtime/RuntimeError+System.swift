import LinuxKernel

extension RuntimeError {
    /// A failed system call, as part of what was being done.
    init(_ kind: Kind, step: String, _ error: SystemError) {
        self.init(
            kind, step: step, object: error.object, errno: error.errno,
            message: "\(step): \(error)")
    }

    /// Runs `body` and turns a failed system call into an error of this kind; other errors pass.
    static func wrapping<T>(_ kind: Kind, step: String, _ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as SystemError { throw RuntimeError(kind, step: step, error) }
    }
}
