import KubernetesAPI
import LinuxKernel
import PodRuntime
import Testing

@testable import NodeAgent

@Suite struct MetricsTextTests {
    @Test func `resource metrics are the kubelet's, to the letter`() throws {
        let text = ResourceMetrics(round: SampleRound.round(at: SampleRound.epoch)).text
        _ = try PrometheusCheck(text)
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(
            samples == [
                "node_cpu_usage_seconds_total 50 1767323045000",
                "node_memory_working_set_bytes 2147483648 1767323045000",
                "node_swap_usage_bytes 536870912 1767323045000",
                #"container_start_time_seconds{container="web",namespace="default",pod="web"} 1767323015"#,
                #"container_cpu_usage_seconds_total{container="web",namespace="default",pod="web"} 2 1767323045000"#,
                #"container_memory_working_set_bytes{container="web",namespace="default",pod="web"} 50331648 1767323045000"#,
                #"container_swap_usage_bytes{container="web",namespace="default",pod="web"} 4096 1767323045000"#,
                #"pod_cpu_usage_seconds_total{namespace="default",pod="web"} 2.0001 1767323045000"#,
                #"pod_memory_working_set_bytes{namespace="default",pod="web"} 50331648 1767323045000"#,
                #"pod_swap_usage_bytes{namespace="default",pod="web"} 4096 1767323045000"#, "resource_scrape_error 0",
                "scrape_error 0",
            ])
    }

    @Test func `a failed scrape is a metric`() throws {
        #expect(try PrometheusCheck(ResourceMetrics.failure).value("resource_scrape_error") == 1)
        var round = SampleRound.round(at: SampleRound.epoch)
        round.failures = ["default/other: no answer"]
        #expect(try PrometheusCheck(ResourceMetrics(round: round).text).value("resource_scrape_error") == 1)
    }

    private func cadvisor(_ round: StatsRound, hasCPUController: Bool = true) throws -> PrometheusCheck {
        var machine = SampleRound.machineFacts
        machine.hasCPUController = hasCPUController
        let metrics = CadvisorMetrics(
            round: round, disks: ["uid-web": SampleRound.disk], fileSystem: SampleRound.fileSystem, machine: machine
        ) { $0 == "8:0" ? "/dev/sda" : $0 }
        return try PrometheusCheck(metrics.text)
    }

    @Test func `every name that dashboards ask for is there, for the container`() throws {
        let check = try cadvisor(SampleRound.round(at: SampleRound.epoch))
        let web = ["container": "web", "pod": "web", "namespace": "default", "image": "web:1", "name": "abc.2"]
        let expected: [(String, [String: String], Double)] = [
            ("container_cpu_usage_seconds_total", ["cpu": "total"], 2), ("container_cpu_user_seconds_total", [:], 1.5),
            ("container_cpu_system_seconds_total", [:], 0.5), ("container_cpu_cfs_periods_total", [:], 100),
            ("container_cpu_cfs_throttled_periods_total", [:], 25),
            ("container_cpu_cfs_throttled_seconds_total", [:], 0.75), ("container_memory_usage_bytes", [:], 67_108_864),
            ("container_memory_working_set_bytes", [:], 50_331_648), ("container_memory_rss", [:], 41_943_040),
            ("container_memory_cache", [:], 20_971_520), ("container_memory_swap", [:], 4096),
            ("container_memory_max_usage_bytes", [:], 83_886_080), ("container_memory_failcnt", [:], 3),
            ("container_memory_failures_total", ["failure_type": "pgfault", "scope": "container"], 1000),
            ("container_memory_failures_total", ["failure_type": "pgmajfault", "scope": "hierarchy"], 10),
            ("container_memory_mapped_file", [:], 8_388_608), ("container_memory_kernel_usage", [:], 3_145_728),
            ("container_oom_events_total", [:], 5), ("container_spec_cpu_quota", [:], 50000),
            ("container_spec_cpu_period", [:], 100_000), ("container_spec_cpu_shares", [:], 500),
            ("container_spec_memory_limit_bytes", [:], 134_217_728), ("container_spec_memory_swap_limit_bytes", [:], 0),
            ("container_start_time_seconds", [:], 1_767_323_015), ("container_last_seen", [:], 1_767_323_045),
            ("container_threads", [:], 7), ("container_threads_max", [:], 64),
            ("container_pressure_cpu_waiting_seconds_total", [:], 2.5),
            ("container_pressure_cpu_stalled_seconds_total", [:], 1),
            ("container_pressure_memory_waiting_seconds_total", [:], 2.5),
            ("container_pressure_memory_stalled_seconds_total", [:], 1),
            ("container_pressure_io_waiting_seconds_total", [:], 2.5),
            ("container_pressure_io_stalled_seconds_total", [:], 1),
            ("container_fs_reads_bytes_total", ["device": "/dev/sda"], 4096),
            ("container_fs_writes_bytes_total", ["device": "/dev/sda"], 8192),
            ("container_fs_reads_total", ["device": "/dev/sda"], 1),
            ("container_fs_writes_total", ["device": "/dev/sda"], 2), ("container_fs_usage_bytes", [:], 12288),
        ]
        for (name, labels, value) in expected {
            #expect(check.value(name, web.merging(labels) { $1 }) == value, "\(name)")
        }
        #expect(check.types["container_cpu_usage_seconds_total"] == "counter")
        #expect(check.types["container_memory_working_set_bytes"] == "gauge")
    }

    @Test func `pods, all pods and the machine have samples of their own`() throws {
        let check = try cadvisor(SampleRound.round(at: SampleRound.epoch))
        // A pod without requests of memory and CPU for every container is below burstable.
        let pod = ["container": "", "pod": "web", "id": "/minikube-lite/poduid-web", "image": ""]
        #expect(check.value("container_cpu_usage_seconds_total", pod) == 2.0001)
        #expect(
            check.value("container_network_receive_bytes_total", pod.merging(["interface": "eth0"]) { $1 }) == 1000)
        #expect(check.value("container_network_transmit_packets_dropped_total", pod) == 4)
        #expect(check.value("container_memory_usage_bytes", ["id": "/"]) == Double(3 << 30))
        #expect(check.value("container_cpu_usage_seconds_total", ["id": "/minikube-lite"]) == 5)
        #expect(check.value("container_cpu_usage_seconds_total", ["id": "/minikube-lite-system"]) == 1)
        #expect(check.value("machine_cpu_cores", ["boot_id": "boot-1"]) == 4)
        #expect(check.value("machine_memory_bytes") == Double(8 << 30))
        #expect(check.value("cadvisor_version_info", ["osVersion": "Debian \"12\""]) == 1)
        // Of one metric all samples have the same labels, as Prometheus' own client makes them.
        for (name, samples) in Dictionary(grouping: check.samples, by: \.name) {
            #expect(Set(samples.map { Set($0.labels.keys) }).count == 1, "\(name)")
        }
    }

    @Test func `what the host does not count is absent, and not zero`() throws {
        let check = try cadvisor(SampleRound.bare(at: SampleRound.epoch), hasCPUController: false)
        let names = Set(check.samples.filter { $0.labels["container"] == "web" }.map(\.name))
        for name in [
            "container_memory_usage_bytes", "container_memory_max_usage_bytes", "container_oom_events_total",
            "container_threads", "container_cpu_cfs_periods_total", "container_pressure_cpu_waiting_seconds_total",
            "container_fs_reads_bytes_total",
        ] {
            #expect(!names.contains(name), "\(name)")
        }
        #expect(check.value("container_memory_working_set_bytes", ["container": "web"]) == Double(5 << 20))
        #expect(check.value("container_processes", ["container": "web"]) == 3)
        #expect(check.value("container_cpu_usage_seconds_total", ["container": "web"]) == 2)
    }

    @Test func `labels and help are escaped, numbers are written as Go writes them`() throws {
        var out = PrometheusText()
        out.add(.gauge("a", "a \\ and\na line"), [("b", "q\"\\\nx"), ("a", "1")], 0.5)
        #expect(out.text == "# HELP a a \\\\ and\\na line\n# TYPE a gauge\na{a=\"1\",b=\"q\\\"\\\\\\nx\"} 0.5\n")
        #expect(try PrometheusCheck(out.text).samples.first?.labels["b"] == "q\"\\\nx")
        #expect(PrometheusText.number(1e15) == "1000000000000000")
        #expect(PrometheusText.number(.infinity) == "+Inf")
        #expect(PrometheusText.number(-3) == "-3")
    }

    @Test func `samples of a metric stand together in whatever order they come`() throws {
        var out = PrometheusText()
        let (first, second) = (PrometheusText.Metric.gauge("a", "A"), PrometheusText.Metric.counter("b", "B"))
        out.add(first, [("x", "1")], 1.0)
        out.add(second, [], 2.0)
        out.add(first, [("x", "2")], 3.0)
        let check = try PrometheusCheck(out.text)
        #expect(check.samples.map(\.value) == [1, 3, 2])
    }
}
