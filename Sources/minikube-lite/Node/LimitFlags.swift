public import ArgumentParser
public import NodeAgent

extension LimitOptions.WeightFormula: ExpressibleByArgument {}
extension LimitOptions.MemoryReservation: ExpressibleByArgument {}
extension LimitOptions.SwapBehavior: ExpressibleByArgument {}
extension LimitOptions.CPUManagerPolicy: ExpressibleByArgument {}

/// The options of a node that say how requests and limits become values of cgroup files. Names and defaults are the
/// kubelet's.
struct LimitFlags: ParsableArguments {
    @Option(help: "How a CPU request becomes cpu.weight: linear (1 CPU has 39) or quadratic (1 CPU has 100).")
    var cpuWeightFormula = LimitOptions.WeightFormula.linear

    @Flag(help: "Set memory.high below memory limits, and memory.min or memory.low for requests (KEP-2570).")
    var memoryQos = false

    @Option(help: "Where memory.high stands between the request (0) and the limit (1), with --memory-qos.")
    var memoryThrottlingFactor = 0.9

    @Option(help: "What requests are protected by, with --memory-qos: TieredReservation or None.")
    var memoryReservationPolicy = LimitOptions.MemoryReservation.tiered

    @Option(help: "NoSwap, or LimitedSwap: Burstable pods may swap in proportion to their memory request.")
    var memorySwapBehavior = LimitOptions.SwapBehavior.noSwap

    @Option(parsing: .unconditional, help: "pids.max of each pod; -1 for no limit.")
    var podPidsLimit: Int64 = -1

    @Option(help: "none, or static: containers of Guaranteed pods with whole CPUs get CPUs of their own.")
    var cpuManagerPolicy = LimitOptions.CPUManagerPolicy.none

    @Option(help: "CPUs that the static policy gives to nobody, e.g. 0 or 0-1,8.")
    var reservedCpus = ""

    @Flag(help: "An OOM kill ends one process, not the whole container.")
    var singleProcessOomKill = false

    @Flag(inversion: .prefixedNo, help: "Enforce CPU limits (cpu.max).")
    var cpuCfsQuota = true

    @Option(help: "The period of cpu.max, 1ms to 1s.")
    var cpuCfsQuotaPeriod = "100ms"

    mutating func validate() throws {
        guard (0...1).contains(memoryThrottlingFactor), memoryThrottlingFactor > 0 else {
            throw ValidationError("--memory-throttling-factor has to be above 0 and at most 1.")
        }
        guard podPidsLimit == -1 || podPidsLimit > 0 else {
            throw ValidationError("--pod-pids-limit has to be positive, or -1 for no limit.")
        }
        guard let reserved = CPUSet(reservedCpus) else {
            throw ValidationError("--reserved-cpus \"\(reservedCpus)\" is not a list of CPUs such as 0 or 0-1,8.")
        }
        if cpuManagerPolicy == .static, reserved.isEmpty {
            throw ValidationError("--cpu-manager-policy static needs --reserved-cpus: the CPUs that pods share.")
        }
        guard let period = DurationText.exactSeconds(cpuCfsQuotaPeriod), period >= 0.001, period <= 1 else {
            throw ValidationError(
                "--cpu-cfs-quota-period \"\(cpuCfsQuotaPeriod)\" has to be a duration of 1ms to 1s such as 100ms.")
        }
    }

    var options: LimitOptions {
        var options = LimitOptions()
        options.weightFormula = cpuWeightFormula
        options.memoryQoS = memoryQos
        options.memoryThrottlingFactor = memoryThrottlingFactor
        options.memoryReservation = memoryReservationPolicy
        options.swapBehavior = memorySwapBehavior
        options.podPidsLimit = podPidsLimit > 0 ? podPidsLimit : nil
        options.cpuManagerPolicy = cpuManagerPolicy
        options.reservedCPUs = CPUSet(reservedCpus) ?? CPUSet()
        options.singleProcessOOMKill = singleProcessOomKill
        options.cpuCFSQuota = cpuCfsQuota
        options.cpuCFSQuotaPeriod = Int64(((DurationText.exactSeconds(cpuCfsQuotaPeriod) ?? 0.1) * 1_000_000).rounded())
        return options
    }

    /// These options as words, for a process that is started with them.
    var words: [String] {
        var words = [
            "--cpu-weight-formula", cpuWeightFormula.rawValue, "--memory-throttling-factor",
            String(memoryThrottlingFactor), "--memory-reservation-policy", memoryReservationPolicy.rawValue,
            "--memory-swap-behavior", memorySwapBehavior.rawValue, "--pod-pids-limit", String(podPidsLimit),
            "--cpu-manager-policy", cpuManagerPolicy.rawValue, "--cpu-cfs-quota-period", cpuCfsQuotaPeriod,
            cpuCfsQuota ? "--cpu-cfs-quota" : "--no-cpu-cfs-quota",
        ]
        if memoryQos { words.append("--memory-qos") }
        if singleProcessOomKill { words.append("--single-process-oom-kill") }
        if !reservedCpus.isEmpty { words += ["--reserved-cpus", reservedCpus] }
        return words
    }
}
