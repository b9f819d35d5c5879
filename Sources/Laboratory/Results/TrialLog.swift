public import LinuxKernel
import Synchronization

/// Appends trials to `results.csv`; each one is on the disk when `append` comes back.
public final class TrialLog: Sendable {
    private let table: TrialTable
    /// The lock keeps lines whole where trials end at the same time.
    private let file: Mutex<FileDescriptor>

    init(table: TrialTable, file: FileDescriptor) {
        self.table = table
        self.file = Mutex(file)
    }

    /// Blocks until the line is on the disk. Append a trial after its samples were flushed: a trial that has a line
    /// is not run again.
    public func append(_ trial: ExperimentTrial) throws(SystemError) {
        let line = CSV.line(table.fields(trial))
        try file.withLock { file throws(SystemError) in
            try file.writeAll(line)
            try file.synchronize()
        }
    }
}

/// Appends samples to `samples.csv`, in pieces of 64 KiB, so that sampling waits for the disk seldom.
public final class SampleLog: Sendable {
    private struct State {
        var pending: [UInt8] = []
        let file: FileDescriptor
    }

    private let columns: Int
    private let state: Mutex<State>
    private static let pieceSize = 64 << 10

    init(columns: Int, file: FileDescriptor) {
        self.columns = columns
        state = Mutex(State(file: file))
    }

    /// `values` in the order of the description's series; missing ones at the end are as nil.
    public func append(trial: Int, seconds: Double, values: [Double?]) throws(SystemError) {
        let padded = values.prefix(columns) + Array(repeating: nil, count: max(0, columns - values.count))
        try state.withLock { state throws(SystemError) in
            SampleTable.append(trial: trial, seconds: seconds, values: Array(padded), to: &state.pending)
            if state.pending.count >= Self.pieceSize { try Self.write(&state) }
        }
    }

    /// Blocks until everything appended is on the disk.
    public func flush() throws(SystemError) {
        try state.withLock { state throws(SystemError) in
            try Self.write(&state)
            try state.file.synchronize()
        }
    }

    private static func write(_ state: inout State) throws(SystemError) {
        try state.file.writeAll(state.pending)
        state.pending.removeAll(keepingCapacity: true)
    }
}
