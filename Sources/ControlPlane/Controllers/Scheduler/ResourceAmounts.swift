import KubernetesAPI

/// Amounts of resources to be added and compared: CPU in thousandths, everything else in its own unit.
struct ResourceAmounts: Sendable, Equatable {
    private(set) var amounts: [String: Int64]

    init(_ quantities: [String: Quantity] = [:]) {
        amounts = Dictionary(
            uniqueKeysWithValues: quantities.map { name, quantity in
                (name, name == ResourceName.cpu.rawValue ? quantity.milliValue : quantity.value)
            })
    }

    subscript(name: String) -> Int64 { amounts[name] ?? 0 }

    /// Whether no amount is larger than the other's.
    func isCovered(by other: ResourceAmounts) -> Bool { amounts.allSatisfy { $0.value <= other[$0.key] } }

    static func += (left: inout ResourceAmounts, right: ResourceAmounts) {
        for (name, amount) in right.amounts { left.amounts[name, default: 0] += amount }
    }

    static func -= (left: inout ResourceAmounts, right: ResourceAmounts) {
        for (name, amount) in right.amounts { left.amounts[name, default: 0] -= amount }
    }
}
