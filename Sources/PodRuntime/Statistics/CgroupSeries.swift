/// One number of a cgroup over time: a file and a key in it, as an experiment names it.
public struct CgroupSeries: Sendable, Hashable, Codable {
    /// A file of the cgroup, e.g. `memory.current`, `cpu.stat`, `memory.pressure`, `io.stat`.
    public var file: String
    /// Which of the file's numbers:
    ///
    /// | file                                 | key                                                               |
    /// | ------------------------------------ | ----------------------------------------------------------------- |
    /// | one number (`memory.current`)        | empty                                                             |
    /// | lines of `key number` (`cpu.stat`)   | `usage_usec`                                                      |
    /// | pressure (`cpu.pressure`)            | `some.avg10`, `full.total`                                        |
    /// | lines of devices (`io.stat`)         | `8:16.rbytes`; `*.rbytes` is the sum over all devices             |
    public var key: String

    public init(file: String, key: String = "") {
        self.file = file
        self.key = key
    }

    /// `memory.current`, or `cpu.stat:usage_usec`.
    public init(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(file: String(parts[0]), key: parts.count > 1 ? String(parts[1]) : "")
    }
}
