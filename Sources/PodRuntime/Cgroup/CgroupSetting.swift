/// One line for one file of a cgroup.
struct CgroupSetting: Sendable, Hashable {
    var file: String
    /// What the line is about in a file of several: a device, or `default`. Empty in a file of one value.
    var key = ""
    var value: String
    /// The kernel's default, which the file had when the cgroup was made.
    var initial: String
    /// Place among files that hold each other in bounds: 0 is the innermost (`memory.min` below `memory.max`).
    var depth = 0
    /// Somebody relies on it: where it cannot be enforced, the pod is refused. Shares are no limits.
    var isLimit = true

    /// As it is written.
    var line: String { key.isEmpty ? value : "\(key) \(value)" }

    /// `io.max 8:16 rbps=1048576`, for messages.
    var words: String { "\(file) \(line)" }

    /// The same line with the kernel's default.
    var reset: CgroupSetting {
        var setting = self
        setting.value = initial
        return setting
    }

    func isSameLine(_ other: CgroupSetting) -> Bool { file == other.file && key == other.key }

    /// The value's first word as a number; `max` is the largest.
    private var amount: Int64 {
        let word = value.prefix { $0 != " " }
        return word == "max" ? .max : Int64(word) ?? 0
    }

    /// What leads from one list to the other. What is no longer there goes back to the kernel's default. Bounds are never
    /// crossed on the way: first comes what gets less, innermost first, then what gets more, outermost first.
    static func changes(from present: [CgroupSetting], to wanted: [CgroupSetting]) -> [CgroupSetting] {
        let given = present.filter { old in !wanted.contains(where: old.isSameLine) }.map(\.reset)
        var lowered: [CgroupSetting] = []
        var raised: [CgroupSetting] = []
        for setting in given + wanted {
            let old = present.first(where: setting.isSameLine) ?? setting.reset
            if setting.value == old.value { continue }
            if setting.amount < old.amount { lowered.append(setting) } else { raised.append(setting) }
        }
        // Sorting is stable: what does not bound each other stays in the controller's order.
        return lowered.sorted { $0.depth < $1.depth } + raised.sorted { $0.depth > $1.depth }
    }
}

extension [CgroupSetting] {
    /// Adds a number where it is there and is not what the kernel begins with. `Int64.max` is the kernel's `max`.
    mutating func add(_ file: String, _ number: Int64?, initial: String, depth: Int = 0, isLimit: Bool = true) {
        guard let number else { return }
        let value = number == .max ? "max" : "\(number)"
        guard value != initial else { return }
        append(CgroupSetting(file: file, value: value, initial: initial, depth: depth, isLimit: isLimit))
    }
}
