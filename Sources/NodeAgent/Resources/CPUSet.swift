/// A set of CPUs in the kernel's list format (`0-3,8`), as cpuset.cpus and `--reserved-cpus` have it.
public struct CPUSet: Sendable, Hashable, CustomStringConvertible {
    public private(set) var cpus: Set<Int>

    /// The highest number that is taken for a CPU: the kernel's own maximum is 8192 (CONFIG_NR_CPUS).
    static let highest = 8191

    public init(_ cpus: some Sequence<Int> = EmptyCollection()) { self.cpus = Set(cpus) }

    /// - Parameter text: numbers and ranges with commas between them; an empty text is the empty set. Nil where it is
    ///   no such list.
    public init?(_ text: String) {
        cpus = []
        if text.isEmpty { return }
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(Self.number)
            guard (1...2).contains(ends.count), let first = ends.first.flatMap(\.self),
                let last = ends.last.flatMap(\.self),
                first <= last, last <= Self.highest
            else { return nil }
            cpus.formUnion(first...last)
        }
    }

    private static func number(_ text: Substring) -> Int? {
        text.allSatisfy { $0.isASCII && $0.isNumber } ? Int(text) : nil
    }

    public var isEmpty: Bool { cpus.isEmpty }
    public var count: Int { cpus.count }

    public func union(_ other: CPUSet) -> CPUSet { CPUSet(cpus.union(other.cpus)) }
    public func subtracting(_ other: CPUSet) -> CPUSet { CPUSet(cpus.subtracting(other.cpus)) }
    public func isSubset(of other: CPUSet) -> Bool { cpus.isSubset(of: other.cpus) }

    /// The shortest list: `0-3,8`.
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for cpu in cpus.sorted() {
            if let last = ranges.last, last.upperBound == cpu - 1 {
                ranges[ranges.count - 1] = last.lowerBound...cpu
            } else {
                ranges.append(cpu...cpu)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}
