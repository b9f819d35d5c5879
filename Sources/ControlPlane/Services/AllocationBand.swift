/// Numbers from 0 that are given out, in two parts: of the lower one nothing is given out unasked while the upper one has
/// any left, so that who names a number there finds it free (KEP-3070 for addresses, KEP-3668 for node ports).
struct AllocationBand: Sendable, Hashable {
    /// Numbers that can be given out.
    let numbers: Range<UInt64>
    /// Where the upper part begins.
    let upper: UInt64

    /// The lower part is a `step`th of all, within `bounds`; there is none where there are hardly any numbers.
    init(_ numbers: Range<UInt64>, size: UInt64, step: UInt64, bounds: ClosedRange<UInt64>) {
        self.numbers = numbers
        let lower = size <= bounds.lowerBound ? 0 : min(max(size / step, bounds.lowerBound), bounds.upperBound)
        upper = min(max(numbers.lowerBound, lower), numbers.upperBound)
    }

    /// A free number, at random from the upper part, else from the lower; nil where none is.
    func next(isFree: (UInt64) -> Bool) -> UInt64? {
        Self.next(in: upper..<numbers.upperBound, isFree) ?? Self.next(in: numbers.lowerBound..<upper, isFree)
    }

    private static func next(in range: Range<UInt64>, _ isFree: (UInt64) -> Bool) -> UInt64? {
        guard let start = range.randomElement() else { return nil }
        return (start..<range.upperBound).first(where: isFree) ?? (range.lowerBound..<start).first(where: isFree)
    }
}
