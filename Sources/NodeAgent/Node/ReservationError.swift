/// The node was told to keep more for itself than it has.
public struct ReservationError: Error, CustomStringConvertible {
    /// One for each resource.
    public let problems: [String]

    public var description: String {
        "nothing is left for pods: \(problems.joined(separator: "; ")); lower --system-reserved, --kube-reserved or "
            + "--eviction-hard"
    }
}
