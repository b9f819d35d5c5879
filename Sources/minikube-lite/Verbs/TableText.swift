import KubernetesAPI

/// A `Table` of the API as lines of text, in columns as `kubectl get` sets them.
struct TableText {
    var wide = false
    var showsNamespace = false
    var showsHeader = true
    /// Put before each name where several types are shown, e.g. `deployment.apps/`.
    var namePrefix = ""
    var showsLabels = false

    /// Width of each column so far: rows that come later (`-w`) stand below those that came before.
    private var widths: [Int] = []
    private var columns: [TableColumnDefinition] = []

    init() {}

    /// The table's lines; the header is there the first time only.
    mutating func lines(_ table: Table) -> [String] {
        var rows: [[String]] = []
        // Tables of a watch name their columns in the first event only.
        let isFirst = columns.isEmpty
        if isFirst { columns = table.columnDefinitions }
        let shown = columns.indices.filter { wide || columns[$0].priority == 0 }
        if isFirst, showsHeader {
            var header = showsNamespace ? ["NAMESPACE"] : []
            header += shown.map { columns[$0].name.uppercased() }
            if showsLabels { header.append("LABELS") }
            rows.append(header)
        }
        for row in table.rows {
            let metadata = row.object?["metadata"]
            var cells: [String] = showsNamespace ? [metadata?["namespace"]?.stringValue ?? ""] : []
            for index in shown {
                let text = index < row.cells.count ? Self.text(row.cells[index]) : ""
                cells.append(columns[index].name.lowercased() == "name" ? namePrefix + text : text)
            }
            if showsLabels {
                let labels = metadata?["labels"]?.objectValue ?? JSONObject()
                let text = labels.map { "\($0.key)=\($0.value.stringValue ?? "")" }.sorted().joined(separator: ",")
                cells.append(text.isEmpty ? "<none>" : text)
            }
            rows.append(cells)
        }
        return align(rows)
    }

    private mutating func align(_ rows: [[String]]) -> [String] {
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 3)
            }.joined()
        }
    }

    /// Lines of columns from plain words.
    static func lines(_ rows: [[String]]) -> [String] {
        var text = TableText()
        return text.align(rows)
    }

    private static func text(_ cell: JSONValue) -> String {
        switch cell {
        case .string(let value): value
        case .null: "<none>"
        default: cell.text
        }
    }
}
