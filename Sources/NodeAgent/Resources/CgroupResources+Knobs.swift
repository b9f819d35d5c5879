import KubernetesAPI
import PodRuntime

extension CgroupResources {
    /// Takes what a pod's annotations ask for explicitly: it counts before what was derived.
    mutating func apply(_ knobs: CgroupKnobs?) {
        guard let knobs else { return }
        func take(_ amount: CgroupKnobs.Amount?, _ path: WritableKeyPath<CgroupResources, Int64?>) {
            // `max`, said explicitly, is no default: the kernel's word is written.
            if let amount { self[keyPath: path] = amount.number ?? .max }
        }
        take(knobs.memoryMin, \.memoryMin)
        take(knobs.memoryLow, \.memoryLow)
        take(knobs.memoryHigh, \.memoryHigh)
        take(knobs.memorySwapMax, \.memorySwapMax)
        take(knobs.memorySwapHigh, \.memorySwapHigh)
        take(knobs.pidsMax, \.pidsMax)
        if let group = knobs.memoryOOMGroup { oomGroup = group }
        if let cpuMax = knobs.cpuMax {
            cpuQuota = cpuMax.quota.number
            cpuPeriod = cpuMax.period
        }
        cpuBurst = knobs.cpuMaxBurst ?? cpuBurst
        cpuWeight = knobs.cpuWeight ?? cpuWeight
        cpuIdle = knobs.cpuIdle ?? cpuIdle
        cpus = knobs.cpus ?? cpus
        memoryNodes = knobs.memoryNodes ?? memoryNodes
        ioWeight = knobs.ioWeight ?? ioWeight
        for limit in knobs.ioMax {
            ioMax.append(
                IOLimit(
                    device: limit.device, readBytes: limit.readBytes?.number, writeBytes: limit.writeBytes?.number,
                    readOperations: limit.readOperations?.number, writeOperations: limit.writeOperations?.number))
        }
        for (size, amount) in knobs.hugePages { hugePages[size] = amount.number ?? .max }
    }
}
