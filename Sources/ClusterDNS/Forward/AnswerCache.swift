/// Answers that still hold, a bounded number of them. When the newer half is full, the older half goes at once; what is
/// asked for again comes back to the newer one. Close enough to least recently used, at the price of two dictionaries.
struct AnswerCache<Key: Hashable & Sendable>: Sendable {
    /// Bytes of an answer that is kept.
    static var maximumSize: Int { 4096 }

    private struct Entry: Sendable {
        var resolution: Resolution
        var stored: Duration
        var lifetime: Duration

        func present(_ now: Duration) -> Resolution? {
            let age = now - stored
            return age < lifetime ? resolution.aged(by: UInt32(clamping: age.components.seconds)) : nil
        }
    }

    private let half: Int
    private var newer: [Key: Entry] = [:]
    private var older: [Key: Entry] = [:]

    /// - Parameter capacity: answers that are kept at most; 0: none.
    init(capacity: Int) { half = max(capacity, 0) / 2 }

    var count: Int { newer.count + older.count }

    /// The answer with the seconds that it has left, where there is one.
    /// - Parameter now: by the clock that `put` was told of.
    mutating func get(_ key: Key, now: Duration) -> Resolution? {
        if let entry = newer[key] { return entry.present(now) }
        guard let entry = older.removeValue(forKey: key), let resolution = entry.present(now) else { return nil }
        insert(key, entry)
        return resolution
    }

    mutating func put(_ key: Key, _ resolution: Resolution, lifetime: UInt32, now: Duration) {
        guard lifetime > 0, half > 0, resolution.size <= Self.maximumSize else { return }
        older[key] = nil
        insert(key, Entry(resolution: resolution, stored: now, lifetime: .seconds(Int64(lifetime))))
    }

    private mutating func insert(_ key: Key, _ entry: Entry) {
        if newer.count >= half, newer[key] == nil {
            older = newer
            newer = [:]
        }
        newer[key] = entry
    }
}
