import ArgumentParser
import Foundation
import KubernetesAPI
import NodeAgent

/// The options of a node that say what it keeps for itself and when it evicts pods. Names, syntax and defaults are the
/// kubelet's; `PressureOptions` says where a default differs.
struct PressureFlags: ParsableArguments {
    @Option(help: "Withheld from pods for the system: cpu=100m,memory=256Mi,ephemeral-storage=1Gi,pid=1000.")
    var systemReserved = "memory=256Mi"

    @Option(help: "Withheld from pods for the node's own programs, likewise.")
    var kubeReserved = ""

    @Option(help: "Evict pods at once below these: memory.available<100Mi,nodefs.available<10%,pid.available<500.")
    var evictionHard = "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%"

    @Option(help: "Evict pods below these once the signal's grace period is over.")
    var evictionSoft = ""

    @Option(help: "Grace period of each soft threshold: memory.available=1m30s.")
    var evictionSoftGracePeriod = ""

    @Option(help: "How much more than the threshold to take back: memory.available=64Mi,nodefs.available=1%.")
    var evictionMinimumReclaim = ""

    @Option(help: "How long a pressure condition stays after its signal is well again.")
    var evictionPressureTransitionPeriod = "5m"

    @Option(help: "Seconds that a pod gets at most to end by itself when a soft threshold evicts it.")
    var evictionMaxPodGracePeriod: Int64 = 0

    @Option(help: "How often the eviction signals are looked at though the kernel tells of no pressure.")
    var housekeepingInterval = "10s"

    mutating func validate() throws {
        do throws(FlagProblem) {
            _ = try parsed()
        } catch {
            throw ValidationError("\(error.flag) \(error.message).")
        }
    }

    /// What the flags say; the defaults where they say nothing that can be understood, which `validate` has refused.
    var options: PressureOptions { (try? parsed()) ?? PressureOptions() }

    /// These options as words, for a process that is started with them.
    var words: [String] {
        [
            "--system-reserved", systemReserved, "--kube-reserved", kubeReserved, "--eviction-hard", evictionHard,
            "--eviction-soft", evictionSoft, "--eviction-soft-grace-period", evictionSoftGracePeriod,
            "--eviction-minimum-reclaim", evictionMinimumReclaim, "--eviction-pressure-transition-period",
            evictionPressureTransitionPeriod, "--eviction-max-pod-grace-period", String(evictionMaxPodGracePeriod),
            "--housekeeping-interval", housekeepingInterval,
        ]
    }

    private func parsed() throws(FlagProblem) -> PressureOptions {
        var options = PressureOptions()
        options.systemReserved = try Self.reserved("--system-reserved", systemReserved)
        options.kubeReserved = try Self.reserved("--kube-reserved", kubeReserved)
        options.thresholds = try thresholds()
        guard evictionMaxPodGracePeriod >= 0 else {
            throw FlagProblem("--eviction-max-pod-grace-period", "has to be 0 or more seconds")
        }
        options.maxPodGracePeriod = evictionMaxPodGracePeriod
        options.transitionPeriod = try Self.duration(
            "--eviction-pressure-transition-period", evictionPressureTransitionPeriod)
        options.monitoringPeriod = try Self.duration("--housekeeping-interval", housekeepingInterval)
        guard options.monitoringPeriod >= .milliseconds(100) else {
            throw FlagProblem("--housekeeping-interval", "has to be 100ms or more")
        }
        return options
    }

    private static func reserved(_ flag: String, _ text: String) throws(FlagProblem) -> [String: Quantity] {
        var amounts: [String: Quantity] = [:]
        for (name, value) in try FlagList(flag, text, separator: "=").entries {
            guard PressureOptions.reservable.contains(name) else {
                let known = PressureOptions.reservable.joined(separator: ", ")
                throw FlagProblem(flag, "names \"\(name)\"; there are \(known)")
            }
            let quantity = Quantity(value)
            guard quantity.isValid, quantity.sign >= 0 else {
                throw FlagProblem(flag, "has \(name)=\(value), which is no quantity of 0 or more such as 500m or 256Mi")
            }
            amounts[name] = quantity
        }
        return amounts
    }

    // MARK: Thresholds

    private func thresholds() throws(FlagProblem) -> [EvictionThreshold] {
        let graceFlag = "--eviction-soft-grace-period"
        let hard = try Self.thresholds("--eviction-hard", evictionHard)
        let soft = try Self.thresholds("--eviction-soft", evictionSoft)
        var grace: [EvictionSignal: Duration] = [:]
        for (name, value) in try FlagList(graceFlag, evictionSoftGracePeriod, separator: "=").entries {
            grace[try Self.signal(graceFlag, name)] = try Self.duration(graceFlag, value)
        }
        var reclaim: [EvictionSignal: EvictionThreshold.Amount] = [:]
        let reclaimFlag = "--eviction-minimum-reclaim"
        for (name, value) in try FlagList(reclaimFlag, evictionMinimumReclaim, separator: "=").entries {
            reclaim[try Self.signal(reclaimFlag, name)] = try Self.amount(reclaimFlag, name, value)
        }
        var all = hard
        for var threshold in soft {
            guard let period = grace[threshold.signal], period > .zero else {
                throw FlagProblem(
                    "--eviction-soft",
                    "has \(threshold.signal.rawValue), which needs a period above 0 in \(graceFlag), such as "
                        + "\(threshold.signal.rawValue)=1m30s")
            }
            threshold.gracePeriod = period
            all.append(threshold)
        }
        for index in all.indices { all[index].minimumReclaim = reclaim[all[index].signal] }
        return all
    }

    /// Thresholds of 0% and 100% are left out, as the kubelet leaves them.
    private static func thresholds(_ flag: String, _ text: String) throws(FlagProblem) -> [EvictionThreshold] {
        var thresholds: [EvictionThreshold] = []
        for (name, value) in try FlagList(flag, text, separator: "<").entries {
            let signal = try signal(flag, name)
            if value == "0%" || value == "100%" { continue }
            let amount = try amount(flag, name, value)
            if case .quantity(let quantity) = amount, quantity.sign == 0 {
                throw FlagProblem(flag, "has \(name)<\(value), which has to be above 0")
            }
            thresholds.append(EvictionThreshold(signal, amount))
        }
        return thresholds
    }

    private static func signal(_ flag: String, _ name: String) throws(FlagProblem) -> EvictionSignal {
        guard let signal = EvictionSignal(rawValue: name) else {
            let known = EvictionSignal.allCases.map(\.rawValue).joined(separator: ", ")
            throw FlagProblem(flag, "names the signal \"\(name)\"; there are \(known)")
        }
        return signal
    }

    private static func amount(
        _ flag: String, _ name: String, _ value: String
    ) throws(FlagProblem) -> EvictionThreshold.Amount {
        if value.hasSuffix("%") {
            guard let percent = Double(value.dropLast()), (0...100).contains(percent) else {
                throw FlagProblem(flag, "has \(name) with \(value), which is not between 0% and 100%")
            }
            return .share(percent / 100)
        }
        let quantity = Quantity(value)
        guard quantity.isValid, quantity.sign >= 0 else {
            throw FlagProblem(
                flag, "has \(name) with \(value), which is neither a quantity such as 100Mi nor a percentage")
        }
        return .quantity(quantity)
    }

    private static func duration(_ flag: String, _ text: String) throws(FlagProblem) -> Duration {
        guard let seconds = DurationText.exactSeconds(text), seconds >= 0 else {
            throw FlagProblem(flag, "has \"\(text)\", which is no duration such as 30s or 1m30s")
        }
        return .seconds(seconds)
    }
}

/// What is wrong with a flag, to be read after its name.
private struct FlagProblem: Error {
    var flag: String
    var message: String

    init(_ flag: String, _ message: String) {
        self.flag = flag
        self.message = message
    }
}

/// `name<value,name<value`, or with `=`. Empty text is an empty list.
private struct FlagList {
    var entries: [(name: String, value: String)] = []

    init(_ flag: String, _ text: String, separator: Character) throws(FlagProblem) {
        for item in text.split(separator: ",") {
            let parts = item.split(separator: separator, maxSplits: 1).map {
                String($0).trimmingCharacters(in: .whitespaces)
            }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw FlagProblem(flag, "has \"\(item)\", which is not of the form NAME\(separator)VALUE")
            }
            guard !entries.contains(where: { $0.name == parts[0] }) else {
                throw FlagProblem(flag, "names \(parts[0]) twice")
            }
            entries.append((parts[0], parts[1]))
        }
    }
}
