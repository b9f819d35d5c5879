/// What a start has made so far, so that a failure can take it back in reverse order.
struct UndoStack {
    private var actions: [@Sendable () async -> Void] = []

    mutating func push(_ action: @escaping @Sendable () async -> Void) { actions.append(action) }

    /// Takes everything back. Each action copes with what is gone already.
    mutating func unwind() async {
        while let action = actions.popLast() { await action() }
    }
}
