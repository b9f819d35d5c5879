import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

@Suite struct SamplerTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    static let pressure = """
        some avg10=1.50 avg60=0.05 avg300=12.00 total=123456
        full avg10=0.00 avg60=0.01 avg300=0.00 total=99

        """

    private func fill() throws {
        try directory.write(
            "cpu.stat",
            """
            usage_usec 300
            user_usec 200
            system_usec 100
            core_sched.force_idle_usec 0
            nr_periods 10
            nr_throttled 4
            throttled_usec 5000
            nr_bursts 1
            burst_usec 7

            """)
        try directory.write("memory.current", "5000\n")
        try directory.write("memory.peak", "9000\n")
        try directory.write("memory.swap.current", "0\n")
        try directory.write("memory.max", "max\n")
        try directory.write("memory.high", "8192\n")
        try directory.write(
            "memory.stat",
            """
            anon 1
            file 2
            kernel 100
            kernel_stack 3
            sock 4
            shmem 5
            file_mapped 6
            inactive_anon 50
            inactive_file 1200
            active_file 7
            slab_reclaimable 8
            slab 9
            pgfault 10
            pgmajfault 11

            """)
        try directory.write("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n")
        try directory.write("memory.events.local", "low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\n")
        try directory.write("pids.current", "3\n")
        try directory.write("pids.max", "32\n")
        try directory.write(
            "io.stat",
            "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:0 rbytes=10 wbytes=20 rios=30 wios=40 dbytes=0 dios=0\n"
        )
        try directory.write("cpu.pressure", Self.pressure)
    }

    @Test func everyFileIsRead() throws {
        try fill()
        let sample = try CgroupSampler(path: directory.path).sample()
        #expect(
            sample.cpu
                == CpuStatistics(
                    usageMicroseconds: 300, userMicroseconds: 200, systemMicroseconds: 100, periods: 10,
                    throttledPeriods: 4, throttledMicroseconds: 5000, bursts: 1, burstMicroseconds: 7))
        #expect(
            sample.memory
                == MemoryStatistics(
                    current: 5000, peak: 9000, swap: 0, max: nil, high: 8192, anonymous: 1, file: 2,
                    inactiveFile: 1200, activeFile: 7, slab: 9, kernelStack: 3, sock: 4, shmem: 5, mapped: 6,
                    pageFaults: 10, majorPageFaults: 11))
        #expect(sample.memory?.workingSet == 3800)
        #expect(sample.memoryEvents == MemoryEvents(low: 1, high: 2, max: 3, oom: 4, oomKill: 5, oomGroupKill: 6))
        #expect(sample.memoryEventsLocal == MemoryEvents(oom: 1, oomKill: 1))
        #expect(sample.pids == PidsStatistics(current: 3, max: 32))
        #expect(
            sample.io == [
                IOStatistics(
                    device: "8:16", readBytes: 1, writtenBytes: 2, reads: 3, writes: 4, discardedBytes: 5, discards: 6),
                IOStatistics(device: "254:0", readBytes: 10, writtenBytes: 20, reads: 30, writes: 40),
            ])
        #expect(
            sample.cpuPressure
                == PressureStatistics(
                    some: .init(avg10: 1.5, avg60: 0.05, avg300: 12, totalMicroseconds: 123456),
                    full: .init(avg60: 0.01, totalMicroseconds: 99)))
        #expect(sample.memoryPressure == nil)
    }

    @Test func withoutControllersOnlyTheCPUIsTold() throws {
        try directory.write("cpu.stat", "usage_usec 5\n")
        let sample = try CgroupSampler(path: directory.path).sample()
        #expect(sample == CgroupStatistics(time: sample.time, cpu: CpuStatistics(usageMicroseconds: 5)))
    }

    @Test func descriptorsStayOpenAndSeeWhatIsNew() throws {
        try fill()
        let sampler = try CgroupSampler(path: directory.path)
        _ = try sampler.sample()
        // In place: the same file is changed, as the kernel does.
        try FileAccess.writeOnce(directory.path + "/memory.current", "6000\n")
        #expect(try sampler.sample().memory?.current == 6000)
        // A new file under the old name is another one.
        try FileAccess.replace(directory.path + "/memory.current", with: Array("7000\n".utf8))
        #expect(try sampler.sample().memory?.current == 6000)
    }

    @Test func whereThereIsNoCgroupItIsNotFound() {
        let error = #expect(throws: RuntimeError.self) { try CgroupSampler(path: directory.path + "/none") }
        #expect(error?.kind == .notFound)
        #expect(throws: RuntimeError.self) { try CgroupSeriesSampler(path: directory.path + "/none", series: []) }
    }

    // MARK: Series

    private func values(_ names: [String]) throws -> [Double] {
        var values: [Double] = []
        try CgroupSeriesSampler(path: directory.path, series: names.map { CgroupSeries($0) }).sample(into: &values)
        return values
    }

    @Test func seriesNameAFileAndAKey() throws {
        try fill()
        #expect(
            try values([
                "memory.current", "cpu.stat:usage_usec", "memory.stat:pgfault", "cpu.pressure:some.avg10",
                "cpu.pressure:full.total", "io.stat:8:16.rbytes", "io.stat:*.rbytes", "io.stat:254:0.wios",
                "memory.max", "memory.current", "memory.events:oom_kill", "memory.events:low", "io.stat:*.wbytes",
            ]) == [5000, 300, 10, 1.5, 99, 1, 11, 40, .infinity, 5000, 5, 1, 22])
    }

    @Test func whatIsNotThereIsNoNumber() throws {
        try fill()
        let values = try values(["memory.none", "cpu.stat:none", "io.stat:1:1.rbytes", "pids.current"])
        #expect(values.map(\.isNaN) == [true, true, true, false])
    }

    @Test func aKeyThatTheFormatDoesNotHaveIsRefused() throws {
        for name in ["cpu.pressure:avg10", "io.stat:rbytes", "io.pressure:some.max"] {
            let error = #expect(throws: RuntimeError.self) {
                try CgroupSeriesSampler(path: directory.path, series: [CgroupSeries(name)])
            }
            #expect(error?.kind == .configuration)
        }
    }

    // MARK: Machine

    @Test func theMachineIsReadFromProc() throws {
        var statistics = MachineStatistics(time: 0)
        let text = "MemTotal:       1000 kB\nMemFree:         400 kB\nMemAvailable:    700 kB\nInactive(file):  50 kB\n"
        Array(text.utf8).withUnsafeBytes { MachineSampler.parseMemory($0, into: &statistics) }
        #expect(statistics.memory.current == 600 << 10)
        #expect(statistics.memory.workingSet == 550 << 10)
        #expect(statistics.memory.max == 1000 << 10)
        #expect(statistics.memoryAvailable == 700 << 10)
        #expect(Array("0.20 0.18 0.12 1/123 4567\n".utf8).withUnsafeBytes(MachineSampler.parseTasks) == 123)

        let live = try MachineSampler(root: directory.path).sample()
        #expect(live.memory.current > 0 && live.memory.current < live.memory.max ?? 0)
        #expect(live.pids.current > 0 && live.pids.current < live.pids.max ?? 0)
        #expect(live.bootedAt > 0 && live.bootedAt < live.time)
    }

    // MARK: Store

    @Test func aSamplerIsClosedWhenNobodyAsks() async throws {
        try fill()
        let store = SamplerStore(patience: .milliseconds(1))
        _ = try store.sample(directory.path)
        #expect(store.open == [directory.path])
        let clock = ContinuousClock()
        let start = clock.now
        while !store.open.isEmpty, clock.now - start < .seconds(50) {
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(store.open.isEmpty)
        // And opened again when somebody does.
        _ = try store.sample(directory.path)
    }

    @Test func closingTakesAlongWhatIsBelow() throws {
        let store = SamplerStore()
        for name in ["pod", "pod/a", "podother"] {
            try directory.write("\(name)/cpu.stat", "usage_usec 1\n")
            _ = try store.sample("\(directory.path)/\(name)")
        }
        store.close(directory.path + "/pod")
        #expect(store.open == [directory.path + "/podother"])
    }
}

/// On this host's own cgroup2 mount.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct SamplerPrivilegedTests {
    @Test func aCgroupThatIsRemovedIsNotFound() throws {
        let root = try #require(CgroupMount.find().unified)
        let path = "\(root)/mkl-sampler-test-\(getpid())"
        try FileAccess.makeDirectory(path)
        let sampler = try CgroupSampler(path: path)
        let series = try CgroupSeriesSampler(path: path, series: [CgroupSeries("cpu.stat:usage_usec")])
        var values: [Double] = []
        _ = try sampler.sample()
        try series.sample(into: &values)
        #expect(values == [0])
        try FileAccess.removeDirectory(path)
        #expect(throws: RuntimeError.self) { try sampler.sample() }
        let error = #expect(throws: RuntimeError.self) { try series.sample(into: &values) }
        #expect(error?.kind == .notFound)
    }
}
