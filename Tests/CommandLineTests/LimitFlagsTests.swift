import NodeAgent
import Testing

@testable import minikube_lite

@Suite struct LimitFlagsTests {
    @Test func `the defaults are the kubelet's`() throws {
        #expect(try LimitFlags.parse([]).options == LimitOptions())
    }

    @Test func `words say the same again`() throws {
        let flags = try LimitFlags.parse([
            "--cpu-weight-formula", "quadratic", "--memory-qos", "--memory-throttling-factor", "0.8",
            "--memory-reservation-policy", "None", "--memory-swap-behavior", "LimitedSwap", "--pod-pids-limit", "100",
            "--cpu-manager-policy", "static", "--reserved-cpus", "0", "--single-process-oom-kill",
            "--no-cpu-cfs-quota", "--cpu-cfs-quota-period", "5ms",
        ])
        #expect(flags.options.cpuCFSQuotaPeriod == 5000 && !flags.options.cpuCFSQuota)
        #expect(flags.options.podPidsLimit == 100 && flags.options.reservedCPUs == CPUSet([0]))
        #expect(try LimitFlags.parse(flags.words).options == flags.options)
        let defaults = try LimitFlags.parse([])
        #expect(try LimitFlags.parse(defaults.words).options == defaults.options)
    }

    @Test(
        arguments: [
            ["--memory-throttling-factor", "0"], ["--memory-throttling-factor", "1.5"], ["--pod-pids-limit", "0"],
            ["--pod-pids-limit", "-2"], ["--reserved-cpus", "0-"], ["--cpu-manager-policy", "static"],
            ["--cpu-cfs-quota-period", "2s"], ["--cpu-cfs-quota-period", "0.5ms"], ["--cpu-cfs-quota-period", "x"],
            ["--cpu-weight-formula", "cubic"], ["--memory-swap-behavior", "Unlimited"],
        ])
    func `what cannot be meant is refused`(_ words: [String]) {
        #expect(throws: (any Error).self) { try LimitFlags.parse(words) }
    }
}
