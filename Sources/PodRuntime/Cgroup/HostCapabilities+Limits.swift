extension HostCapabilities {
    /// The limits in `resources` that this host does not enforce, each with the reason and the remedy. Shares
    /// (`cpu.weight`) are no limits: without the controller they are left out, since nothing is promised.
    public func unenforced(_ resources: CgroupResources) -> [String] {
        cgroupControllers.flatMap { controller in
            let isThere = controllers.contains(controller.name)
            return controller.settings(for: resources).compactMap { setting -> String? in
                guard setting.isLimit else { return nil }
                if !isThere {
                    let why = missing[controller.name] ?? "no controller \(controller.name)"
                    return "\(setting.words) cannot be enforced: \(why)"
                }
                return missingFiles[setting.file].map { "\(setting.words) cannot be enforced: \($0)" }
            }
        }
    }
}
