/// Why an experiment cannot be read, started or gone on with. The message names what is wrong and, where the user can do
/// something about it, what.
public struct LaboratoryError: Error, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The experiment file says something that makes no sense; `problems` has a path for each.
        case invalid
        /// The result folder belongs to another experiment, or to another version of the file.
        case conflict
        /// This node cannot do what the experiment needs: a controller is missing.
        case unsupported
        /// A file or the node cannot be reached or read.
        case unavailable
    }

    public let kind: Kind
    /// One sentence each, lower case, without a full stop; those of a file begin with the path in it.
    public let problems: [String]

    public init(_ kind: Kind, _ problems: [String]) {
        self.kind = kind
        self.problems = problems
    }

    public init(_ kind: Kind, _ problem: String) {
        self.init(kind, [problem])
    }

    public var description: String { problems.joined(separator: "\n") }
}
