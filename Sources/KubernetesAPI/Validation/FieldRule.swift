/// One field that the API knows and this node does not do, or does in another way than it says.
public struct FieldRule: Sendable {
    public enum Effect: Sendable {
        /// The object is refused: without the field it would be another object than its author means.
        case refused
        /// The object is taken, with a warning: the field is a hint, or a bound that nothing watches.
        case ignored
    }

    /// What a rule may look at.
    public struct Context {
        public let value: JSONValue
        /// The object that the field is a member of.
        public let parent: JSONValue
        /// What the rule's path begins at: a pod's or a Service's `spec`.
        public let spec: JSONValue
    }

    /// The field's path below the `spec`; `[]` stands for each item of a list: `containers[].volumeDevices`.
    public let path: String
    public let effect: Effect
    /// Why, or what instead.
    public let reason: String
    /// Which values are meant, for people; empty where any is.
    public let condition: String
    private let applies: @Sendable (Context) -> Bool

    /// - Parameters:
    ///   - condition: e.g. `Localhost`, for the documentation.
    ///   - applies: whether a value that is set is meant.
    init(
        _ path: String, _ effect: Effect, _ reason: String, when condition: String = "",
        _ applies: @escaping @Sendable (Context) -> Bool = { _ in true }
    ) {
        self.path = path
        self.effect = effect
        self.reason = reason
        self.condition = condition
        self.applies = applies
    }

    /// Where in a spec the rule applies: the paths below `base`, in their order.
    func occurrences(in spec: JSONValue, at base: FieldPath) -> [FieldPath] {
        var found: [FieldPath] = []
        visit(path.split(separator: ".")[...], Context(value: spec, parent: .null, spec: spec), base, &found)
        return found
    }

    private func visit(
        _ rest: ArraySlice<Substring>, _ context: Context, _ path: FieldPath, _ found: inout [FieldPath]
    ) {
        guard let component = rest.first else {
            if applies(context) { found.append(path) }
            return
        }
        let isList = component.hasSuffix("[]")
        let name = String(isList ? component.dropLast(2) : component)
        guard let value = context.value[name], value != .null else { return }
        let path = path.child(name)
        func descend(_ value: JSONValue, _ path: FieldPath) {
            visit(rest.dropFirst(), Context(value: value, parent: context.value, spec: context.spec), path, &found)
        }
        guard isList else { return descend(value, path) }
        for (index, item) in (value.arrayValue ?? []).enumerated() { descend(item, path[index]) }
    }
}

extension [FieldRule] {
    /// Refuses what a spec has that rules refuse.
    func refuse(_ spec: JSONValue, at base: FieldPath, into errors: inout FieldErrors) {
        for rule in self where rule.effect == .refused {
            for path in rule.occurrences(in: spec, at: base) { errors.forbidden(path, rule.reason) }
        }
    }

    /// A sentence for each thing in a spec that has no effect.
    func warnings(on spec: JSONValue, at base: FieldPath) -> [String] {
        filter { $0.effect == .ignored }.flatMap { rule in
            rule.occurrences(in: spec, at: base).map { "\($0): has no effect: \(rule.reason)" }
        }
    }
}
