/// A set of CPUs or NUMA nodes in the kernel's list format (cpuset(7)): `0-1,3`.
struct NumberList: Sendable, Hashable, CustomStringConvertible {
    var numbers: Set<Int>

    init(_ numbers: some Sequence<Int>) { self.numbers = Set(numbers) }

    /// Nil where the text is no such list, or names a number above 8191 (the most CPUs that Linux is built for).
    init?(_ text: String) {
        var numbers: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends[0], let last = ends[ends.count - 1], first >= 0, first <= last, last < 8192 else {
                return nil
            }
            numbers.formUnion(first...last)
        }
        self.numbers = numbers
    }

    var description: String {
        var parts: [String] = []
        var run: ClosedRange<Int>?
        func close() {
            guard let run else { return }
            parts.append(run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)-\(run.upperBound)")
        }
        for number in numbers.sorted() {
            if let current = run, current.upperBound + 1 == number {
                run = current.lowerBound...number
            } else {
                close()
                run = number...number
            }
        }
        close()
        return parts.joined(separator: ",")
    }
}
