/// A limit that this host would not enforce.
public struct UnenforcedLimit: Sendable, Hashable, CustomStringConvertible {
    /// File and value: `memory.max 67108864`.
    public var setting: String
    /// Why, and what to do about it.
    public var reason: String

    public init(setting: String, reason: String) {
        self.setting = setting
        self.reason = reason
    }

    public var description: String { "\(setting) cannot be enforced: \(reason)" }
}

extension HostCapabilities {
    /// The limits in `resources` that are asked for and would be silent here. Shares (`cpu.weight`) are no limits: without
    /// the controller they are left out, since nothing is promised.
    public func unenforced(_ resources: CgroupResources) -> [UnenforcedLimit] {
        cgroupControllers.flatMap { controller -> [UnenforcedLimit] in
            let isThere = controllers.contains(controller.name)
            return controller.settings(for: resources).filter(\.isLimit).compactMap { setting -> UnenforcedLimit? in
                let why = isThere ? missingFiles[setting.file] : missing[controller.name]
                if why == nil && isThere { return nil }
                return UnenforcedLimit(setting: setting.words, reason: why ?? "no controller \(controller.name)")
            }
        }
    }
}
