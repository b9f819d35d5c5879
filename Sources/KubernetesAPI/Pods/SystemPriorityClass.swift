/// The priority classes that every cluster has, of which no user may make others (`pkg/apis/scheduling`).
public enum SystemPriorityClass {
    /// Names with it are reserved.
    public static let prefix = "system-"
    /// The highest value that a user's class may have.
    public static let highestUserValue: Int32 = 1_000_000_000

    /// As they are made when the cluster begins.
    public static let all: [PriorityClass] = [
        make(
            "system-node-critical", 2_000_001_000,
            "Used for system critical pods that must not be moved from their current node."),
        make(
            "system-cluster-critical", 2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
        ),
    ]

    public static func isOne(_ name: String) -> Bool { all.contains { $0.metadata.name == name } }

    private static func make(_ name: String, _ value: Int32, _ description: String) -> PriorityClass {
        var made = PriorityClass()
        made.metadata.name = name
        made.value = value
        made.description = description
        made.preemptionPolicy = .preemptLowerPriority
        return made
    }

    /// What keeps a class with a reserved name from being one of these; nil where nothing does.
    static func problem(of given: PriorityClass) -> String? {
        let name = given.metadata.name
        guard let known = all.first(where: { $0.metadata.name == name }) else {
            return "\(name) is not a known system priority class"
        }
        if given.value != known.value { return "value of \(name) PriorityClass must be \(known.value)" }
        return given.globalDefault ? "globalDefault of \(name) PriorityClass must be false" : nil
    }
}
