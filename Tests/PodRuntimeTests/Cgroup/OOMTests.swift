import LinuxKernel
import Testing

@testable import PodRuntime

/// Whose limit it was, from the counters of each level, and how a kill is noticed.
@Suite struct OOMTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    private var tree: CgroupTree { get throws { try CgroupTree.test(directory, controllers: ["memory"]) } }
    private let pod = "slice/mkl/burstable/poda"
    private var container: String { "\(directory.path)/\(pod)/main-0" }

    /// A level's files, with so many hits of its own limit.
    private func write(_ path: String, ownHits: Int, kills: Int = 0, limit: Int64? = nil, peak: Int64 = 1) throws {
        try directory.write("\(path)/memory.events", "low 0\nhigh 0\nmax 9\noom 9\noom_kill \(kills)\n")
        try directory.write("\(path)/memory.events.local", "low 0\nhigh 0\nmax 9\noom \(ownHits)\noom_kill \(kills)\n")
        try directory.write("\(path)/memory.max", limit.map { "\($0)\n" } ?? "max\n")
        try directory.write("\(path)/memory.peak", "\(peak)\n")
    }

    @Test(
        arguments: [
            ([1, 0, 0, 0], .container, 100, 90), ([1, 1, 0, 0], .container, 100, 90), ([0, 1, 0, 0], .pod, 200, 190),
            ([0, 0, 1, 0], .node, 300, 290), ([0, 0, 0, 1], .node, 400, 390), ([0, 0, 0, 0], .machine, 1 << 30, nil),
        ] as [([Int], OOMKill.Level, Int64, Int64?)])
    func theLevelIsTheOneWhoseOwnLimitWasHit(hits: [Int], level: OOMKill.Level, limit: Int64, usage: Int64?) throws {
        let earlier = OOMCounts(container: 5, pod: 5, level: 5, parent: 5)
        try write(pod + "/main-0", ownHits: 5 + hits[0], kills: 3, limit: 100, peak: 90)
        try write(pod, ownHits: 5 + hits[1], limit: 200, peak: 190)
        try write("slice/mkl/burstable", ownHits: 5 + hits[2], limit: 300, peak: 290)
        try write("slice/mkl", ownHits: 5 + hits[3], limit: 400, peak: 390)
        #expect(
            try tree.oomKill(container, since: earlier)
                == OOMKill(level: level, limitBytes: limit, usageBytes: usage, containerBytes: 90, kills: 3))
    }

    @Test func withoutAKillThereIsNothingToTell() throws {
        try write(pod + "/main-0", ownHits: 7)
        #expect(try tree.oomKill(container, since: OOMCounts()) == nil)
        #expect(try tree.oomKill(directory.path + "/none", since: OOMCounts()) == nil)
    }

    @Test(.timeLimit(.minutes(1))) func aKillIsNoticedAndReclaimIsNot() async throws {
        try write(pod + "/main-0", ownHits: 0)
        let watch = try OOMWatch(cgroups: try tree)
        let poller = try ShimPoller()
        try poller.add(watch.inotify.descriptor) { watch.serve() }
        let subject = OOMWatch.Subject(sandbox: "a", container: ContainerKey(name: "main", attempt: 0))
        watch.add(container, subject)
        var kills = watch.kills.makeAsyncIterator()
        // In place, as the kernel does; every text has the same length.
        func tell(max: Int, kills: Int) throws {
            try FileAccess.writeOnce(
                container + "/memory.events", "low 0\nhigh 0\nmax \(max)\noom 9\noom_kill \(kills)\n")
        }
        try tell(max: 7, kills: 0)
        try tell(max: 8, kills: 1)
        #expect(await kills.next() == subject)
        // One is told once, and nothing after the watch is gone.
        try tell(max: 9, kills: 1)
        watch.remove(container)
        try tell(max: 9, kills: 2)
        let other = OOMWatch.Subject(sandbox: "b", container: ContainerKey(name: "main", attempt: 1))
        watch.add(container, other, known: 1)
        #expect(await kills.next() == other)
        withExtendedLifetime(poller) {}
    }
}
