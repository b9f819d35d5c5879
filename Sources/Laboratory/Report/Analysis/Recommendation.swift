/// A request and a limit to set, or another setting, with why; or why none can be told.
struct Recommendation: Sendable, Hashable {
    /// In a few words: what to set.
    var title: String
    /// To copy into a container's or a pod's description; nil where nothing can be told.
    var yaml: String?
    /// Why, in sentences with numbers.
    var reasons: [String] = []
    /// What to run to know more, in sentences.
    var next: [String] = []
}

extension ExperimentAnalysis {
    var recommendation: Recommendation {
        guard let factor, !trials.isEmpty else {
            return Recommendation(
                title: "Nothing can be told yet", next: ["let at least one trial end that is not broken"])
        }
        switch factor.knob {
        case "memory.max": return memoryRecommendation(factor)
        case "cpu.max": return cpuRecommendation(factor)
        default: return knobRecommendation(factor)
        }
    }

    /// Trials whose workload ran under conditions like the recommended ones.
    func ids(_ condition: (Double) -> Bool) -> [Int] {
        guard let factor else { return [] }
        return trials.filter { $0.cameThrough && ($0.values[factor.name]?.number).map(condition) ?? false }.map(\.id)
    }

    static func resources(_ name: String, request: String, limit: String) -> String {
        "resources:\n  requests:\n    \(name): \(request)\n  limits:\n    \(name): \(limit)\n"
    }
}
