/// A limit that this host would not enforce.
public struct UnenforcedLimit: Sendable, Hashable {
    /// File and value: `memory.max 67108864`.
    public var setting: String
    /// Why, and what to do about it.
    public var reason: String

    public init(setting: String, reason: String) {
        self.setting = setting
        self.reason = reason
    }
}

extension HostCapabilities {
    /// The limits in `resources` that are asked for and would be silent here.
    public func unenforced(_ resources: CgroupResources) -> [UnenforcedLimit] {
        cgroupControllers.filter { !controllers.contains($0.name) }.flatMap { controller in
            controller.limits(in: resources).map {
                UnenforcedLimit(setting: $0, reason: missing[controller.name] ?? "no controller \(controller.name)")
            }
        }
    }
}
