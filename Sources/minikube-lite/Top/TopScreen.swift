import KubernetesAPI

/// `top` as lines of text: a pure function of what is shown and of how large the screen is.
struct TopScreen: Sendable {
    /// One piece of a line and how it stands out on a terminal.
    struct Cell: Sendable, Hashable {
        enum Style: String, Sendable {
            case plain = "0"
            case title = "1"
            case good = "32"
            case warning = "33"
            case alarm = "31"
            case faint = "2"
        }

        var text: String
        var style: Style = .plain
    }

    /// A column: narrow screens show those of the highest rank only.
    struct Column: Sendable {
        var title: String
        /// 0 is shown always.
        var rank: Int
        var isNumber: Bool
        var cell: @Sendable (TopTable.Row) -> Cell
    }

    /// Cells between two columns.
    private static let gap = 2
    private static let barWidth = 10

    var showsNamespace = true
    var isColored = false

    // MARK: Tables

    /// The table's lines, header first, in at most `width` cells each (nil: as wide as it gets).
    func table(_ rows: [TopTable.Row], columns: [Column], width: Int?) -> [String] {
        var cells = [columns.map { Cell(text: $0.title, style: .title) }]
        cells += rows.map { row in columns.map { $0.cell(row) } }
        var widths = columns.indices.map { index in cells.map { $0[index].text.count }.max() ?? 0 }
        var shown = Array(columns.indices)
        if let width {
            func total() -> Int { shown.reduce(0) { $0 + widths[$1] } + Self.gap * (shown.count - 1) }
            while total() > width, let worst = shown.max(by: { columns[$0].rank < columns[$1].rank }),
                columns[worst].rank > 0
            {
                shown.removeAll { $0 == worst }
            }
            // Names give way to numbers, down to what still tells them apart.
            for index in shown where !columns[index].isNumber && total() > width {
                widths[index] = max(8, widths[index] - (total() - width))
            }
        }
        return cells.map { row in
            let line = shown.map { index in
                paint(Self.fit(row[index], widths[index], isNumber: columns[index].isNumber))
            }.joined(separator: String(repeating: " ", count: Self.gap))
            return isColored ? line : Self.trimmed(line)
        }
    }

    static let podColumns: [Column] = [
        Column(title: "NAMESPACE", rank: 6, isNumber: false) { Cell(text: $0.namespace) },
        Column(title: "POD", rank: 0, isNumber: false) { Cell(text: $0.pod) },
        Column(title: "CONTAINER", rank: 0, isNumber: false) { Cell(text: $0.container) },
        Column(title: "CPU", rank: 0, isNumber: true) { Cell(text: TopText.cores($0.cpu)) },
        Column(title: "OF LIMIT", rank: 5, isNumber: false) { bar($0.cpu, of: $0.cpuLimit) },
        Column(title: "REQ/LIM", rank: 3, isNumber: true) { row in
            Cell(
                text:
                    "\(TopText.cores(row.cpuRequest.map(Double.init)))/\(TopText.cores(row.cpuLimit.map(Double.init)))"
            )
        },
        Column(title: "THR%", rank: 1, isNumber: true) { row in
            Cell(text: TopText.percent(row.throttled), style: (row.throttled ?? 0) >= 1 ? .warning : .plain)
        },
        Column(title: "MEMORY", rank: 0, isNumber: true) { Cell(text: TopText.bytes($0.memory)) },
        Column(title: "OF LIMIT", rank: 5, isNumber: false) { bar($0.memory.map(Double.init), of: $0.memoryLimit) },
        Column(title: "REQ/LIM", rank: 3, isNumber: true) { row in
            Cell(text: "\(TopText.bytes(row.memoryRequest))/\(TopText.bytes(row.memoryLimit))")
        },
        Column(title: "PEAK", rank: 4, isNumber: true) { Cell(text: TopText.bytes($0.memoryPeak)) },
        Column(title: "PSI10 C/M/I", rank: 2, isNumber: true) { pressure($0) },
        Column(title: "PIDS", rank: 4, isNumber: true) { processes($0) },
        Column(title: "READ/S", rank: 5, isNumber: true) { Cell(text: TopText.bytes($0.reads.map { Int64($0) })) },
        Column(title: "WRITE/S", rank: 5, isNumber: true) { Cell(text: TopText.bytes($0.writes.map { Int64($0) })) },
        Column(title: "OOM", rank: 1, isNumber: true) { row in
            Cell(text: row.oomKills.map(String.init) ?? "-", style: (row.oomKills ?? 0) > 0 ? .alarm : .plain)
        },
        Column(title: "RST", rank: 1, isNumber: true) { row in
            Cell(text: row.restarts.map(String.init) ?? "-", style: (row.restarts ?? 0) > 0 ? .warning : .plain)
        },
    ]

    /// Of `top node`: what has no requests and limits of its own.
    static let nodeColumns: [Column] = [
        Column(title: "NAME", rank: 0, isNumber: false) { Cell(text: $0.pod) },
        Column(title: "CPU", rank: 0, isNumber: true) { Cell(text: TopText.cores($0.cpu)) },
        Column(title: "OF NODE", rank: 5, isNumber: false) { bar($0.cpu, of: $0.cpuLimit) },
        Column(title: "MEMORY", rank: 0, isNumber: true) { Cell(text: TopText.bytes($0.memory)) },
        Column(title: "OF NODE", rank: 5, isNumber: false) { bar($0.memory.map(Double.init), of: $0.memoryLimit) },
        Column(title: "PEAK", rank: 4, isNumber: true) { Cell(text: TopText.bytes($0.memoryPeak)) },
        Column(title: "PSI10 C/M/I", rank: 2, isNumber: true) { pressure($0) },
        Column(title: "PIDS", rank: 3, isNumber: true) { processes($0) },
        Column(title: "READ/S", rank: 4, isNumber: true) { Cell(text: TopText.bytes($0.reads.map { Int64($0) })) },
        Column(title: "WRITE/S", rank: 4, isNumber: true) { Cell(text: TopText.bytes($0.writes.map { Int64($0) })) },
        Column(title: "OOM", rank: 1, isNumber: true) { Cell(text: $0.oomKills.map(String.init) ?? "-") },
    ]

    private static func bar(_ used: Double?, of limit: Int64?) -> Cell {
        guard let used, let limit, limit > 0 else { return Cell(text: "-", style: .faint) }
        let share = used / Double(limit)
        return Cell(
            text: TopText.bar(share, width: barWidth), style: share >= 0.9 ? .alarm : share >= 0.7 ? .warning : .good)
    }

    private static func pressure(_ row: TopTable.Row) -> Cell {
        let all = [row.cpuPressure, row.memoryPressure, row.ioPressure]
        let worst = all.compactMap { $0 }.max() ?? 0
        return Cell(
            text: all.map(TopText.percent).joined(separator: "/"),
            style: worst >= 40 ? .alarm : worst >= 10 ? .warning : .plain)
    }

    private static func processes(_ row: TopTable.Row) -> Cell {
        let isNear = row.processes.flatMap { now in row.processLimit.map { now * 10 >= $0 * 9 } } ?? false
        return Cell(text: row.processes.map(String.init) ?? "-", style: isNear ? .alarm : .plain)
    }

    // MARK: Screens

    /// Everything about the node that stands above the table.
    func header(_ snapshot: TopSnapshot, _ node: TopTable.Row, now: Timestamp, note: String) -> [String] {
        let up = snapshot.node.startTime.map { ", up \(Age.text(since: $0, now: now))" } ?? ""
        let title = Cell(
            text: "\(snapshot.node.name)\(up), \(TopText.count(snapshot.podCount, "pod")), "
                + TopText.count(snapshot.containers.count, "container"), style: .title)
        let cores = Double(snapshot.node.cpuCapacity) / 1000
        let cpu =
            "CPU    \(Self.bar(node.cpu, of: node.cpuLimit).text)  \(TopText.cores(node.cpu)) of "
            + "\(TopText.decimal(cores, places: 0)) cores"
        var memory =
            "Memory \(Self.bar(node.memory.map(Double.init), of: node.memoryLimit).text)  "
            + "\(TopText.bytes(node.memory)) of \(TopText.bytes(node.memoryLimit))"
        if let swap = snapshot.node.swapUsed, swap > 0 { memory += ", swap \(TopText.bytes(swap))" }
        if let used = snapshot.node.diskUsed, let all = snapshot.node.diskCapacity {
            memory += ", disk \(TopText.bytes(used)) of \(TopText.bytes(all))"
        }
        let pressure =
            "PSI    cpu \(TopText.percent(node.cpuPressure)) %, memory \(TopText.percent(node.memoryPressure)) %, "
            + "io \(TopText.percent(node.ioPressure)) % of the last 10 s"
        return [
            paint(title) + (note.isEmpty ? "" : "  \(paint(Cell(text: note, style: .warning)))"), cpu, memory, pressure,
        ]
    }

    /// What fills a terminal: as many lines as it has rows, each within its columns.
    func screen(header: [String], table: [String], footer: String, size: (columns: Int, rows: Int)) -> [String] {
        let room = max(size.rows - header.count - 2, 1)
        var lines = header.map { isColored ? $0 : String($0.prefix(size.columns)) } + [""]
        lines += table.prefix(room)
        if table.count > room, let last = lines.indices.last {
            lines[last] = "... \(table.count - room + 1) more (a larger window, or -n NAMESPACE, shows them)"
        }
        while lines.count < size.rows - 1 { lines.append("") }
        return Array(lines.prefix(max(size.rows - 1, 0))) + [paint(Cell(text: footer, style: .faint))]
    }

    // MARK: Text

    private static func fit(_ cell: Cell, _ width: Int, isNumber: Bool) -> Cell {
        var cell = cell
        if cell.text.count > width { cell.text = cell.text.prefix(max(width - 1, 0)) + "…" }
        let padding = String(repeating: " ", count: max(width - cell.text.count, 0))
        cell.text = isNumber ? padding + cell.text : cell.text + padding
        return cell
    }

    private func paint(_ cell: Cell) -> String {
        guard isColored, cell.style != .plain else { return cell.text }
        return "\u{1B}[\(cell.style.rawValue)m\(cell.text)\u{1B}[0m"
    }

    private static func trimmed(_ line: String) -> String {
        var line = Substring(line)
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}
