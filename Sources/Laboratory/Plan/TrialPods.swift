import KubernetesAPI

/// Makes the pods of a trial: the templates with the factors' values.
struct TrialPods {
    let experiment: Experiment

    init(_ experiment: Experiment) { self.experiment = experiment }

    static let experimentLabel = "minikube-lite/experiment"
    static let trialLabel = "minikube-lite/trial"

    /// - Parameter values: one for each factor, in their order.
    func workload(_ values: [ExperimentValue], trial: Int) -> Pod {
        pod(experiment.template, nil, values, name: Self.name(trial), trial: trial)
    }

    func neighbours(_ values: [ExperimentValue], trial: Int) -> [Pod] {
        experiment.neighbours.map {
            pod($0.template, $0.name, values, name: "\(Self.name(trial))-\($0.name)", trial: trial)
        }
    }

    static func name(_ trial: Int) -> String { "trial-\(trial)" }

    private func pod(
        _ template: PodTemplateSpec, _ neighbour: String?, _ values: [ExperimentValue], name: String, trial: Int
    ) -> Pod {
        var editor = PodEditor(template: template)
        // A period changes what a quota is written as, so it comes after all quotas.
        let factors = zip(experiment.factors, values)
        for (factor, value) in factors where factor.knob.target != .cpuPeriod {
            editor.set(factor, value, of: neighbour)
        }
        for (factor, value) in factors where factor.knob.target == .cpuPeriod {
            editor.set(factor, value, of: neighbour)
        }
        var pod = Pod()
        pod.metadata = editor.template.metadata
        pod.metadata.name = name
        pod.metadata.namespace = experiment.namespace
        pod.metadata.labels[Self.experimentLabel] = experiment.name
        pod.metadata.labels[Self.trialLabel] = String(trial)
        pod.spec = editor.template.spec
        return pod
    }

    // MARK: Checks

    /// What the API would refuse, with paths in the experiment's file; what only some values bring about names them.
    func problems() -> [String] {
        let combinations = sampledCombinations()
        var first: [String: Int] = [:]
        var counts: [String: Int] = [:]
        var order: [String] = []
        for (index, values) in combinations.enumerated() {
            for problem in Set(problems(values)) {
                if counts[problem] == nil {
                    order.append(problem)
                    first[problem] = index
                }
                counts[problem, default: 0] += 1
            }
        }
        return order.sorted().map { problem in
            guard let index = first[problem], counts[problem] != combinations.count else { return problem }
            return "\(problem) (with \(experiment.words(combinations[index])))"
        }
    }

    private func problems(_ values: [ExperimentValue]) -> [String] {
        var problems = periodsWithoutQuota(values)
        let neighbours = experiment.neighbours.enumerated().map { "spec.neighbours[\($0.offset)].template" }
        let pods = [workload(values, trial: 1)] + self.neighbours(values, trial: 1)
        for (pod, path) in zip(pods, ["spec.template"] + neighbours) {
            var pod = pod
            pod.setDefaults()
            do throws(APIError) {
                try Validation.validateCreate(pod)
            } catch {
                let causes = error.status.details?.causes ?? []
                problems +=
                    causes.isEmpty
                    ? ["\(path): \(error.status.message)"]
                    : causes.map { "\(self.path($0.field, below: path)): \($0.message)" }
            }
        }
        return problems
    }

    private func path(_ field: String, below path: String) -> String {
        if path == "spec.template", case .container = experiment.load {
            let load = "spec.containers[\(experiment.template.spec.containers.count - 1)]"
            if field.hasPrefix(load) { return "spec.load.container" + field.dropFirst(load.count) }
        }
        return "\(path).\(field)"
    }

    private func periodsWithoutQuota(_ values: [ExperimentValue]) -> [String] {
        var problems: [String] = []
        for (index, factor) in experiment.factors.enumerated() where factor.knob.target == .cpuPeriod {
            let neighbour = factor.owner.neighbour
            let template = experiment.neighbours.first { $0.name == neighbour }?.template ?? experiment.template
            var editor = PodEditor(template: template)
            for (other, value) in zip(experiment.factors, values) where other.knob.target != .cpuPeriod {
                editor.set(other, value, of: neighbour)
            }
            if editor.cpuLimit(of: factor.owner) == nil {
                problems.append(
                    "spec.vary[\(index)].knob: cpu.max.period needs a quota: resources.limits.cpu, or the knob cpu.max")
            }
        }
        return problems
    }

    /// All combinations, or those of the first and last values where they are many; a bisection has its ends.
    private func sampledCombinations() -> [[ExperimentValue]] {
        let lists = experiment.factors.map { factor -> [ExperimentValue] in
            switch factor.levels {
            case .list(let values): values
            case .bisection(let range): [.number(range.lowest), .number(range.highest)]
            }
        }
        let count = lists.reduce(1) { min($0 * $1.count, 10_000) }
        let few = count <= 200 ? lists : lists.map { $0.count > 2 ? [$0[0], $0[$0.count - 1]] : $0 }
        return Combinations.all(few)
    }
}

extension Experiment {
    /// `memory.max=64Mi cpu.max=250m`.
    func words(_ values: [ExperimentValue]) -> String {
        zip(factors, values).map { "\($0.name)=\($0.knob.text($1))" }.joined(separator: " ")
    }
}
