import Testing

@testable import PodRuntime

@Suite struct ProcessStatisticsTests {
    @Test func `processes of a cgroup and of those below it are added up`() throws {
        let directory = try TemporaryDirectory()
        try directory.write("cgroup/cgroup.procs", "10\n11\n")
        try directory.write("cgroup/exec-1/cgroup.procs", "12\n13\n")
        try directory.write(
            "proc/10/smaps_rollup", "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 100 kB\n")
        try directory.write("proc/11/statm", "500 25 10 1 0 20 0\n")
        try directory.write("proc/12/smaps_rollup", "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss: 7 kB\n")
        // 13 has ended meanwhile.
        let statistics = ProcessStatistics.read(cgroup: directory.path + "/cgroup", proc: directory.path + "/proc")
        #expect(statistics == ProcessStatistics(count: 4, memory: 107 * 1024 + 25 * 4096))
    }

    @Test func `a cgroup that is gone has none`() {
        #expect(ProcessStatistics.read(cgroup: "/nonexistent") == ProcessStatistics())
    }
}
