import LinuxKernel

/// Where this machine's control group hierarchies are mounted, from /proc/self/mountinfo (proc(5)).
public struct CgroupMount: Sendable, Hashable {
    /// Mount point of the cgroup2 hierarchy: `/sys/fs/cgroup` where it is the only one, `/sys/fs/cgroup/unified` on a
    /// hybrid host. Nil where there is none.
    public var unified: String?
    /// cgroup v1 controller to its mount point.
    public var legacy: [String: String]

    public init(unified: String?, legacy: [String: String] = [:]) {
        self.unified = unified
        self.legacy = legacy
    }

    /// Reads the mounts of this process.
    public static func find() throws -> CgroupMount {
        parse(try FileAccess.readText("/proc/self/mountinfo"))
    }

    /// - Parameter mountinfo: the text of a `mountinfo` file. Of several cgroup2 mounts the shortest path wins: the
    ///   others are binds of it.
    public static func parse(_ mountinfo: String) -> CgroupMount {
        var found = CgroupMount(unified: nil)
        for line in mountinfo.split(separator: "\n") {
            // id parent major:minor root mountpoint options [optional fields] - type source superoptions
            let fields = line.split(separator: " ").map(String.init)
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
            let mountPoint = unescape(fields[4])
            switch fields[dash + 1] {
            case "cgroup2":
                if let known = found.unified, known.utf8.count <= mountPoint.utf8.count { continue }
                found.unified = mountPoint
            case "cgroup":
                for option in fields[dash + 3].split(separator: ",") where option != "rw" && option != "ro" {
                    found.legacy[String(option)] = mountPoint
                }
            default: continue
            }
        }
        return found
    }

    /// mountinfo writes space, tab, newline and backslash as `\ooo`.
    static func unescape(_ field: String) -> String {
        guard field.contains("\\") else { return field }
        var bytes: [UInt8] = []
        let source = Array(field.utf8)
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "\\"), index + 3 < source.count,
                let value = UInt8(String(decoding: source[(index + 1)...(index + 3)], as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                index += 4
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
