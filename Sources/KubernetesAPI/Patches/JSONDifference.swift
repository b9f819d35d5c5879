/// Where two values differ.
enum JSONDifference {
    /// The paths of what was changed, added or removed, e.g. `spec.containers[0].command`, at most eight of them.
    static func paths(from old: JSONValue, to new: JSONValue, at path: String) -> [String] {
        var paths: [String] = []
        collect(old, new, path, into: &paths)
        return paths
    }

    private static func collect(_ old: JSONValue?, _ new: JSONValue?, _ path: String, into paths: inout [String]) {
        guard old != new, paths.count < 8 else { return }
        switch (old, new) {
        case (.object(let left)?, .object(let right)?):
            for key in left.keys.union(right.keys) {
                collect(left[key], right[key], path.isEmpty ? key : "\(path).\(key)", into: &paths)
            }
        case (.array(let left)?, .array(let right)?) where left.count == right.count:
            for index in left.indices { collect(left[index], right[index], "\(path)[\(index)]", into: &paths) }
        default:
            paths.append(path)
        }
    }
}
