import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite struct SummaryReportTests {
    private static let later = SampleRound.epoch + 10 * SampleRound.second

    private func report(
        _ now: StatsRound, since earlier: StatsRound, disks: [String: PodDiskUsage]? = ["uid-web": SampleRound.disk]
    ) -> JSONValue {
        SummaryReport(
            nodeName: "node", window: UsageWindow(earlier: earlier, now: now), disks: disks,
            fileSystem: SampleRound.fileSystem
        ).json
    }

    @Test func `a container is told as the kubelet tells it`() throws {
        let json = report(
            SampleRound.round(at: Self.later, usage: 4_500_000), since: SampleRound.round(at: SampleRound.epoch))
        let container = try #require(json["pods"]?.arrayValue?.first?["containers"]?.arrayValue?.first)
        let expected = try JSONParser.parse(
            Array(
                """
                {"name":"web","startTime":"2026-01-02T03:03:35Z",
                "cpu":{"time":"2026-01-02T03:04:15Z","usageNanoCores":250000000,"usageCoreNanoSeconds":4500000000,
                "psi":{"full":{"total":1000000,"avg10":0.5,"avg60":0,"avg300":0},
                "some":{"total":2500000,"avg10":12.5,"avg60":0.5,"avg300":0.25}}},
                "memory":{"time":"2026-01-02T03:04:15Z","availableBytes":83886080,"usageBytes":67108864,
                "workingSetBytes":50331648,"rssBytes":41943040,"pageFaults":1000,"majorPageFaults":10,
                "psi":{"full":{"total":1000000,"avg10":0.5,"avg60":0,"avg300":0},
                "some":{"total":2500000,"avg10":1,"avg60":0.5,"avg300":0.25}}},
                "swap":{"time":"2026-01-02T03:04:15Z","swapUsageBytes":4096},
                "io":{"time":"2026-01-02T03:04:15Z","psi":{"full":{"total":1000000,"avg10":0.5,"avg60":0,"avg300":0},
                "some":{"total":2500000,"avg10":2,"avg60":0.5,"avg300":0.25}}},
                "minikubeLite":{"timeNanoSeconds":1767323055000000000,
                "cpu":{"userNanoSeconds":1500000000,"systemNanoSeconds":500000000,"periods":100,"throttledPeriods":25,
                "throttledNanoSeconds":750000000,"burstPeriods":0,"burstNanoSeconds":0},
                "memory":{"cacheBytes":20971520,"peakBytes":83886080,"maxBytes":134217728,"highBytes":100663296},
                "memoryEvents":{"low":1,"high":2,"max":3,"oom":4,"oomKill":5,"oomGroupKill":0},
                "memoryEventsLocal":{"low":0,"high":0,"max":3,"oom":0,"oomKill":0,"oomGroupKill":0},
                "pids":{"current":7,"max":64},
                "io":[{"device":"8:0","readBytes":4096,"writeBytes":8192,"reads":1,"writes":2}],"attempt":2},
                "rootfs":{"time":"2026-01-02T03:04:15Z","availableBytes":64424509440,"capacityBytes":107374182400,
                "usedBytes":8192,"inodesFree":900,"inodes":1000,"inodesUsed":3},
                "logs":{"time":"2026-01-02T03:04:15Z","availableBytes":64424509440,"capacityBytes":107374182400,
                "usedBytes":4096,"inodesFree":900,"inodes":1000,"inodesUsed":2}}
                """.utf8))
        // Through the text, as a client reads it: 1.0 is written as 1.
        #expect(try JSONParser.parse(container.bytes) == expected)
    }

    @Test func `a pod has its own cgroup's numbers, network, volumes and storage`() throws {
        let json = report(SampleRound.round(at: Self.later), since: SampleRound.round(at: SampleRound.epoch))
        let pod = try #require(json["pods"]?.arrayValue?.first)
        #expect(pod["podRef"] == ["name": "web", "namespace": "default", "uid": "uid-web"])
        #expect(pod["startTime"] == "2026-01-02T03:03:05Z")
        #expect(pod[path: "cpu", "usageCoreNanoSeconds"] == 2_000_100_000)
        #expect(pod[path: "cpu", "usageNanoCores"] == 0)
        #expect(
            pod["network"] == [
                "time": "2026-01-02T03:04:15Z", "name": "eth0", "rxBytes": 1000, "rxErrors": 1, "txBytes": 2000,
                "txErrors": 2,
                "interfaces": [["name": "eth0", "rxBytes": 1000, "rxErrors": 1, "txBytes": 2000, "txErrors": 2]],
            ])
        #expect(pod["volume"]?.arrayValue?.map { $0["name"] } == ["cache", "token"])
        // What is in memory has no share of the disk.
        #expect(pod["volume"]?.arrayValue?[1]["capacityBytes"] == nil)
        // Writable layer, logs and the emptyDir on the disk; not the tmpfs.
        #expect(pod[path: "ephemeral-storage", "usedBytes"] == .integer(8192 + 4096 + 1 << 20))
        #expect(pod[path: "process_stats", "process_count"] == 7)
    }

    @Test func `the node has the machine's numbers and the parts that are no pods`() throws {
        let json = report(
            SampleRound.round(at: Self.later, machineUsage: 65_000_000),
            since: SampleRound.round(at: SampleRound.epoch))
        let node = try #require(json["node"])
        #expect(node["nodeName"] == "node")
        #expect(node[path: "cpu", "usageNanoCores"] == 1_500_000_000)
        #expect(node[path: "memory", "workingSetBytes"] == .integer(2 << 30))
        #expect(node[path: "memory", "availableBytes"] == .integer(6 << 30))
        #expect(node[path: "swap", "swapUsageBytes"] == .integer(1 << 29))
        #expect(node[path: "rlimit", "maxpid"] == 32768)
        #expect(node[path: "rlimit", "curproc"] == 300)
        #expect(node[path: "fs", "usedBytes"] == .integer(40 << 30))
        #expect(node[path: "runtime", "imageFs", "inodesUsed"] == 100)
        #expect(node["systemContainers"]?.arrayValue?.map { $0["name"] } == ["pods", "runtime", "kubelet"])
    }

    @Test func `only CPU and memory leaves out what takes longer to find`() throws {
        let json = report(
            SampleRound.round(at: Self.later), since: SampleRound.round(at: SampleRound.epoch), disks: nil)
        let pod = try #require(json["pods"]?.arrayValue?.first)
        for key in ["volume", "ephemeral-storage", "network", "process_stats"] { #expect(pod[key] == nil, "\(key)") }
        #expect(pod["memory"] != nil)
        #expect(json[path: "node", "fs"] == nil)
        #expect(json[path: "node", "swap"] != nil)
    }

    @Test func `without controllers values are absent, and memory is the processes'`() throws {
        let json = report(
            SampleRound.bare(at: Self.later, usage: 7_000_000), since: SampleRound.bare(at: SampleRound.epoch))
        let pod = try #require(json["pods"]?.arrayValue?.first)
        let container = try #require(pod["containers"]?.arrayValue?.first)
        #expect(container[path: "cpu", "usageNanoCores"] == 500_000_000)
        #expect(container[path: "cpu", "psi"] == nil)
        #expect(container["swap"] == nil && container["io"] == nil)
        for element in [pod, container] {
            #expect(
                element["memory"] == [
                    "time": "2026-01-02T03:04:15Z", "workingSetBytes": .integer(5 << 20),
                    "rssBytes": .integer(5 << 20),
                ])
            #expect(element[path: "minikubeLite", "memory"] == ["source": "processes"])
        }
        #expect(container[path: "minikubeLite", "pids"] == nil)
        #expect(container[path: "minikubeLite", "cpu", "periods"] == nil)
        #expect(container[path: "minikubeLite", "memoryEvents"] == nil)
    }
}
