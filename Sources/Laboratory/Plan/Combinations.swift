/// Every combination of several lists' items.
enum Combinations {
    /// The last list's items change fastest. Of no lists there is one combination, the empty one.
    static func all<Item>(_ lists: [[Item]]) -> [[Item]] {
        lists.reduce([[]]) { combinations, list in combinations.flatMap { head in list.map { head + [$0] } } }
    }
}

/// Random numbers that a seed repeats on any machine (SplitMix64, from Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The items in an order of their own. Not `shuffled(using:)`, whose way may change with the library.
    mutating func shuffle<Item>(_ items: [Item]) -> [Item] {
        var items = items
        for index in items.indices.reversed().dropLast() {
            items.swapAt(index, Int(next() % UInt64(index + 1)))
        }
        return items
    }
}
