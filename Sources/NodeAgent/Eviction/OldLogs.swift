import Foundation

/// Logs of attempts that were followed by others: the first thing to go when the disk is short (kubelet:
/// `container_gc.go`, `DeleteAllUnusedContainers`). Each container's last attempt keeps its log, whether it runs or not.
enum OldLogs {
    /// Removes them below pods' log folders, `<folder>/<container>/<attempt>.log` and its rotated files. Blocks.
    ///
    /// - Returns: how many files were removed.
    static func remove(in pods: [String]) -> Int {
        var removed = 0
        for pod in pods {
            for container in list(pod) {
                let folder = "\(pod)/\(container)"
                let files = list(folder)
                for name in old(files) where (try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")) != nil {
                    removed += 1
                }
            }
        }
        return removed
    }

    /// Those of one container's files that belong to an attempt before the last one.
    static func old(_ files: [String]) -> [String] {
        let attempts = files.compactMap { name in attempt(name).map { (name, $0) } }
        let last = attempts.map(\.1).max() ?? 0
        return attempts.filter { $0.1 < last }.map(\.0).sorted()
    }

    /// `3` of `3.log` and `3.log.20260102-030405`.
    private static func attempt(_ name: String) -> Int? {
        let parts = name.split(separator: ".", maxSplits: 2)
        return parts.count > 1 && parts[1] == "log" ? Int(parts[0]) : nil
    }

    private static func list(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
}
