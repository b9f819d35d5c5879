/// Usage as metrics-server prints it: `kubectl get nodes.metrics.k8s.io`.
extension NodeMetrics: TablePrinted {
    public static let columns = usageColumns

    public func cells(now: Timestamp) -> [JSONValue] { usageCells(metadata, usage, window) }
}

extension PodMetrics: TablePrinted {
    public static let columns = usageColumns

    public func cells(now: Timestamp) -> [JSONValue] {
        var usage: [String: Quantity] = [:]
        for container in containers { usage.add(container.usage) }
        return usageCells(metadata, usage, window)
    }
}

private let usageColumns: [TableColumnDefinition] = [
    .name,
    TableColumnDefinition("cpu", "CPU in use, in cores, over the window."),
    TableColumnDefinition("memory", "Memory in use that cannot be given back at once."),
    TableColumnDefinition("Window", "The time over which the use of CPU was measured."),
]

private func usageCells(_ metadata: ObjectMeta, _ usage: [String: Quantity], _ window: String) -> [JSONValue] {
    [
        .string(metadata.name), .string(usage["cpu"]?.canonical ?? "0"), .string(usage["memory"]?.canonical ?? "0"),
        .string(window),
    ]
}
