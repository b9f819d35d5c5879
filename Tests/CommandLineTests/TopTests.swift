import Foundation
import KubernetesAPI
import Testing

@testable import minikube_lite

@Suite struct TopTests {
    private static func summary(_ seconds: Int64, usage: Int64, throttled: Int64 = 25, attempt: String = "0") throws
        -> JSONValue
    {
        let time = 1_767_323_045_000_000_000 + seconds * 1_000_000_000
        return try JSONParser.parse(
            Array(
                """
                {"node":{"nodeName":"vm","startTime":"2026-01-02T02:04:05Z","cpu":{"usageNanoCores":500000000,
                "usageCoreNanoSeconds":\(usage * 2)},"memory":{"workingSetBytes":1073741824},
                "rlimit":{"maxpid":32768,"curproc":300},"fs":{"usedBytes":1073741824,"capacityBytes":10737418240},
                "swap":{"swapUsageBytes":0},"minikubeLite":{"timeNanoSeconds":\(time)},
                "systemContainers":[{"name":"pods","cpu":{"usageCoreNanoSeconds":\(usage)},
                "minikubeLite":{"timeNanoSeconds":\(time)}}]},
                "pods":[{"podRef":{"name":"web","namespace":"default","uid":"u1"},"containers":[
                {"name":"app","startTime":"2026-01-02T03:04:0\(attempt)Z","cpu":{"usageNanoCores":123000000,
                "usageCoreNanoSeconds":\(usage),"psi":{"some":{"avg10":12.5}}},
                "memory":{"workingSetBytes":100663296,"psi":{"some":{"avg10":0}}},"io":{"psi":{"some":{"avg10":1}}},
                "minikubeLite":{"timeNanoSeconds":\(time),"cpu":{"periods":\(100 + seconds * 10),
                "throttledPeriods":\(throttled)},"memory":{"peakBytes":120586240},"pids":{"current":7,"max":64},
                "memoryEvents":{"oomKill":2},
                "io":[{"readBytes":\(seconds * 1024),"writeBytes":0},{"readBytes":0,"writeBytes":\(seconds * 4096)}]}}
                ]},{"podRef":{"name":"idle","namespace":"other","uid":"u2"},"containers":[
                {"name":"app","startTime":"2026-01-02T03:04:05Z","cpu":{"usageCoreNanoSeconds":5000},
                "minikubeLite":{"timeNanoSeconds":\(time)}}]}]}
                """.utf8))
    }

    private static var node: APINode {
        var node = APINode()
        node.metadata.name = "vm"
        node.status.capacity = ["cpu": "2", "memory": "8Gi"]
        return node
    }

    private static var pods: [Pod] {
        var pod = Pod()
        pod.metadata.uid = "u1"
        var container = Container()
        container.name = "app"
        container.resources.requests = ["cpu": "100m", "memory": "64Mi"]
        container.resources.limits = ["cpu": "500m", "memory": "128Mi"]
        pod.spec.containers = [container]
        var status = ContainerStatus()
        status.name = "app"
        status.restartCount = 3
        pod.status.containerStatuses = [status]
        return [pod]
    }

    private func snapshot(
        _ seconds: Int64, usage: Int64, throttled: Int64 = 25, attempt: String = "0", namespace: String? = nil
    ) throws -> TopSnapshot {
        TopSnapshot(
            summary: try Self.summary(seconds, usage: usage, throttled: throttled, attempt: attempt), pods: Self.pods,
            node: Self.node, namespace: namespace)
    }

    @Test func `rates are what happened between two looks`() throws {
        let table = TopTable(
            try snapshot(2, usage: 1_800_000_000, throttled: 30), since: try snapshot(0, usage: 1_000_000_000),
            order: .cpu)
        let row = try #require(table.rows.first)
        #expect(row.pod == "web" && row.restarts == 3 && row.oomKills == 2 && row.processes == 7)
        #expect(row.cpu == 400)
        // 5 of 20 periods.
        #expect(row.throttled == 25)
        #expect(row.reads == 1024 && row.writes == 4096)
        #expect(row.cpuLimit == 500 && row.memoryRequest == 64 << 20 && row.memoryPeak == 115 << 20)
        #expect(row.cpuPressure == 12.5 && row.memoryPressure == 0 && row.ioPressure == 1)
        #expect(table.node.cpu == 800 && table.node.cpuLimit == 2000)
    }

    @Test func `a container that is another one has the node's own rate`() throws {
        let table = TopTable(
            try snapshot(2, usage: 1_800_000_000, attempt: "7"), since: try snapshot(0, usage: 1_000_000_000),
            order: .cpu)
        #expect(table.rows[0].cpu == 123)
        #expect(table.rows[0].reads == nil)
    }

    @Test func `what is in force is shown, and not what is asked for`() throws {
        var pods = Self.pods
        pods[0].status.containerStatuses[0].resources = ResourceRequirements()
        pods[0].status.containerStatuses[0].resources?.limits = ["cpu": "250m"]
        let snapshot = TopSnapshot(
            summary: try Self.summary(0, usage: 1), pods: pods, node: Self.node, namespace: nil)
        #expect(snapshot.containers[0].cpuLimit == 250 && snapshot.containers[0].memoryLimit == nil)
    }

    @Test func `rows are ordered, and a namespace filters them`() throws {
        let now = try snapshot(0, usage: 1_000_000_000)
        #expect(TopTable(now, since: nil, order: .cpu).rows.map(\.pod) == ["web", "idle"])
        #expect(TopTable(now, since: nil, order: .memory).rows.map(\.pod) == ["web", "idle"])
        #expect(TopTable(now, since: nil, order: .name).rows.map(\.namespace) == ["default", "other"])
        #expect(try snapshot(0, usage: 1, namespace: "other").containers.map(\.pod) == ["idle"])
    }

    @Test func `a table says everything, and a dash for what is not known`() throws {
        let table = TopTable(
            try snapshot(2, usage: 1_800_000_000, throttled: 30), since: try snapshot(0, usage: 1_000_000_000),
            order: .cpu)
        let lines = TopScreen().table(table.rows, columns: TopScreen.podColumns, width: nil)
        let words = lines.map { $0.split(separator: " ").map(String.init) }
        #expect(
            words[1] == [
                "default", "web", "app", "400m", "[######", "]", "100m/500m", "25", "96Mi", "[######", "]",
                "64Mi/128Mi",
                "115Mi", "13/0/1", "7", "1Ki", "4Ki", "2", "3",
            ])
        #expect(
            words[2] == [
                "other", "idle", "app", "0m", "-", "-/-", "-", "-", "-", "-/-", "-", "-/-/-", "-", "-", "-", "-", "0",
            ])
    }

    @Test(arguments: [200, 120, 100, 80, 60, 40]) func `a narrow screen keeps what matters`(_ width: Int) throws {
        let table = TopTable(try snapshot(0, usage: 1), since: nil, order: .cpu)
        let lines = TopScreen().table(table.rows, columns: TopScreen.podColumns, width: width)
        #expect(lines.allSatisfy { $0.count <= width })
        for title in ["POD", "CONTAINER", "CPU", "MEMORY"] { #expect(lines[0].contains(title), "\(width): \(title)") }
        if width >= 80 { #expect(lines[0].contains("THR%") && lines[0].contains("OOM")) }
    }

    @Test func `a screen has as many lines as the terminal`() throws {
        let now = try snapshot(0, usage: 1)
        let table = TopTable(now, since: nil, order: .cpu)
        let screen = TopScreen()
        let header = screen.header(now, table.node, now: Timestamp(seconds: 1_767_323_045), note: "paused")
        #expect(header[0] == "vm, up 60m, 2 pods, 2 containers  paused")
        let rows = (0..<50).map { "row \($0)" }
        let lines = screen.screen(header: header, table: rows, footer: "keys", size: (80, 24))
        #expect(lines.count == 24 && lines.last == "keys")
        #expect(lines[22].hasPrefix("... 33 more"))
        #expect(screen.screen(header: header, table: ["one"], footer: "keys", size: (80, 24)).count == 24)
    }

    @Test func `the node's table has its parts`() throws {
        let rows = TopTable.ofNode(
            try snapshot(2, usage: 1_800_000_000), since: try snapshot(0, usage: 1_000_000_000))
        #expect(rows.map(\.pod) == ["vm", "pods"])
        #expect(rows[1].cpu == 400)
    }

    @Test(
        arguments: [
            (nil, "-"), (0, "0"), (1023, "1023"), (1024, "1Ki"), (1536, "1.5Ki"), (100 << 20, "100Mi"),
            (1023 << 20, "1023Mi"), (3 << 29, "1.5Gi"), (Int64.max, "8Ei"),
        ] as [(Int64?, String)])
    func `bytes are short`(_ bytes: Int64?, _ text: String) { #expect(TopText.bytes(bytes) == text) }

    @Test(arguments: [(0.0, "0m"), (0.04, "0m"), (1.25, "1.3m"), (250, "250m"), (2000.4, "2000m")])
    func `cores are thousandths`(_ milli: Double, _ text: String) { #expect(TopText.cores(milli) == text) }
}
