import PodRuntime

/// One number of a cgroup's files that is sampled. Its name is the file's, and the key inside where there are several.
public struct CgroupColumn: Sendable, Hashable {
    /// What is sampled together or not at all.
    public enum Group: String, Sendable, Hashable, CaseIterable {
        case cpu, memory, pressure, io, pids
    }

    public let name: String
    let group: Group
    let unit: ExperimentUnit
    let kind: SampleSeries.Kind

    private init(_ name: String, _ group: Group, _ unit: ExperimentUnit, _ kind: SampleSeries.Kind) {
        self.name = name
        self.group = group
        self.unit = unit
        self.kind = kind
    }

    /// As the runtime names it: `io.stat` is summed over all devices.
    var source: CgroupSeries {
        let words = name.split(separator: " ").map(String.init)
        let key = words.dropFirst().joined(separator: ".")
        return CgroupSeries(file: words[0], key: words[0] == "io.stat" ? "*.\(key)" : key)
    }

    func description(container: String) -> SampleSeries {
        SampleSeries(name: name, container: container, unit: unit, kind: kind)
    }

    static let all: [CgroupColumn] =
        ["usage_usec", "user_usec", "system_usec", "throttled_usec"].map {
            CgroupColumn("cpu.stat \($0)", .cpu, .microseconds, .counter)
        }
        + ["nr_periods", "nr_throttled"].map { CgroupColumn("cpu.stat \($0)", .cpu, .count, .counter) }
        + ["memory.current", "memory.peak", "memory.swap.current"].map { CgroupColumn($0, .memory, .bytes, .gauge) }
        + ["anon", "file", "inactive_file", "slab"].map {
            CgroupColumn("memory.stat \($0)", .memory, .bytes, .gauge)
        }
        + [CgroupColumn("memory.stat pgmajfault", .memory, .count, .counter)]
        + ["high", "max", "oom", "oom_kill"].map { CgroupColumn("memory.events \($0)", .memory, .count, .counter) }
        + ["cpu", "memory", "io"].flatMap { resource in
            ["some", "full"].map {
                CgroupColumn("\(resource).pressure \($0) total", .pressure, .microseconds, .counter)
            }
        }
        + ["rbytes", "wbytes"].map { CgroupColumn("io.stat \($0)", .io, .bytes, .counter) }
        + ["rios", "wios"].map { CgroupColumn("io.stat \($0)", .io, .count, .counter) }
        + [CgroupColumn("pids.current", .pids, .count, .gauge)]
}
