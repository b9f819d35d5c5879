import Foundation
import KubernetesAPI
import LinuxKernel
import PodRuntime

extension Experiment {
    /// What the result folder says of this experiment.
    func describe(
        machine: ExperimentDescription.Machine, seed: UInt64, commandLine: [String]
    ) -> ExperimentDescription {
        var baseline: [String: ExperimentValue] = [:]
        for factor in factors { baseline[factor.name] = factor.baseline }
        return ExperimentDescription(
            name: name, question: question, factors: factors.map(\.description), baseline: baseline, fixed: fixed,
            bisection: bisection.map(describe), measures: measurement.measures,
            series: measurement.series(container: container), container: container, repeats: repeats,
            durationSeconds: duration?.seconds, intervalSeconds: interval.seconds, seed: seed,
            plannedTrials: TrialPlan(experiment: self, seed: seed).count, machine: machine, startedAt: Date(),
            commandLine: commandLine, fileDigest: digest)
    }

    private func describe(_ bisection: (index: Int, range: BisectionRange)) -> ExperimentBisection {
        let range = bisection.range
        let share =
            switch range.tolerance {
            case .relative(let share): share
            case .absolute(let width): width / range.highest
            }
        return ExperimentBisection(
            factor: factors[bisection.index].name, condition: range.condition.description, lowest: range.lowest,
            highest: range.highest, tolerance: share,
            holdsByMajority: range.quorum == .most)
    }

    /// What was the same in every trial: image, resources and annotations of the measured container.
    private var fixed: [String: String] {
        var fixed: [String: String] = [:]
        let varied = Set(factors.filter { $0.owner.neighbour == nil }.map(\.knob.name))
        if let measured = template.spec.containers.first(where: { $0.name == container }) {
            fixed["image"] = measured.image
            for (name, quantity) in measured.resources.limits where !varied.contains("\(name).max") {
                fixed["limits.\(name)"] = quantity.text
            }
            for (name, quantity) in measured.resources.requests { fixed["requests.\(name)"] = quantity.text }
        }
        for (key, value) in template.metadata.annotations where CgroupAnnotations.owns(key) { fixed[key] = value }
        if let duration { fixed["duration"] = DurationText.words(duration) }
        if warmup > .zero { fixed["warmup"] = DurationText.words(warmup) }
        for neighbour in neighbours {
            fixed["neighbour \(neighbour.name)"] = neighbour.template.spec.containers.map(\.image).joined(
                separator: ", ")
        }
        return fixed
    }

    /// What a search found, in a sentence; nil while it goes on.
    func sentence(_ others: [ExperimentValue], _ step: Bisection.Step) -> String? {
        guard let (index, range) = bisection else { return nil }
        let factor = factors[index]
        func text(_ value: Double) -> String { factor.knob.text(.number(value)) }
        var rest = factors
        rest.remove(at: index)
        let words = zip(rest, others).map { "\($0.name)=\($0.knob.text($1))" }.joined(separator: " ")
        let place = words.isEmpty ? "" : "with \(words): "
        switch step {
        case .test: return nil
        case .found(let value, let fails?):
            return "\(place)\(factor.name) = \(text(value)) is the smallest for which \(range.condition) holds; "
                + "it does not at \(text(fails))"
        case .found(let value, nil):
            return "\(place)\(range.condition) holds from \(text(value)) on, the lower end of the range"
        case .neverHolds:
            return "\(place)\(range.condition) holds for no \(factor.name) up to \(text(range.highest))"
        case .givenUp(let value):
            return "\(place)no answer: the trials at \(factor.name) = \(text(value)) were broken"
        }
    }
}

extension ExperimentDescription.Machine {
    /// This machine. Blocks for a moment.
    static func present(_ capabilities: HostCapabilities) -> Self {
        let processor = (try? FileAccess.readText("/proc/cpuinfo"))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":", maxSplits: 1).last
            .map { $0.trimmingCharacters(in: .whitespaces) }
        var names = utsname()
        // Cannot fail with a buffer of the right type.
        _ = uname(&names)
        let architecture = withUnsafeBytes(of: &names.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Self(
            hostname: ProcessInfo.processInfo.hostName, kernel: capabilities.kernelRelease, architecture: architecture,
            processor: processor ?? "", cpus: capabilities.cpuCount, memoryBytes: capabilities.memoryBytes)
    }
}
