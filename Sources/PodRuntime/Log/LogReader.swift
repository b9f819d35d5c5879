import Glibc
import LinuxKernel

/// Which part of a log is wanted, and how it is shown (core/v1 PodLogOptions).
public struct LogOptions: Sendable, Hashable {
    /// Only the last so many lines; nil is all.
    public var tailLines: Int?
    /// Only lines at or after this time, nanoseconds since 1970.
    public var since: Int64?
    /// No more than this many bytes; the last line may be cut.
    public var limitBytes: Int?
    /// Each line begins with its time as it stands in the log.
    public var timestamps: Bool
    /// Goes on until the container ends, across rotations.
    public var follow: Bool

    public init(
        tailLines: Int? = nil, since: Int64? = nil, limitBytes: Int? = nil, timestamps: Bool = false,
        follow: Bool = false
    ) {
        self.tailLines = tailLines
        self.since = since
        self.limitBytes = limitBytes
        self.timestamps = timestamps
        self.follow = follow
    }
}

/// Reads the containers' logs: files in the CRI format that pod-shim writes and rotates.
///
/// `<attempt>.log` is the present file, `<attempt>.log.<time>` are older ones; together they are one log.
public final class LogReader: Sendable {
    private let workers: BlockingPool
    private let watcher: LogWatcher

    public init() throws {
        workers = BlockingPool(name: "logs", threads: 2)
        do { watcher = try LogWatcher() } catch {
            throw RuntimeError(.create, step: "log", object: "inotify", message: "cannot watch logs: \(error)")
        }
    }

    /// The log of one attempt of a container, as bytes of whole lines in pieces of bounded size. It is read as fast as the
    /// stream is consumed and not faster.
    ///
    /// - Parameters:
    ///   - path: `ContainerStatus.logPath`; that of an earlier attempt for the previous log.
    ///   - ended: returns when the container's exit is recorded; a followed log ends then. Not called unless followed.
    /// - Throws: in the stream, `RuntimeError(.notFound)` where there is no log.
    public func read(
        path: String, options: LogOptions = LogOptions(), until ended: @escaping @Sendable () async -> Void = {}
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        let session = LogSession(path: path, options: options, workers: workers, watcher: watcher, ended: ended)
        return AsyncThrowingStream { try await session.next() }
    }

    /// The end of a log in at most `bytes` bytes: for `terminationMessagePolicy: FallbackToLogsOnError`.
    public func tail(path: String, lines: Int, bytes: Int) async throws -> [UInt8] {
        var content: [UInt8] = []
        for try await piece in read(path: path, options: LogOptions(tailLines: lines)) { content += piece }
        return Array(content.suffix(bytes))
    }
}

/// One reading of one log.
private actor LogSession {
    private let path: String
    private let options: LogOptions
    private let workers: BlockingPool
    private let watcher: LogWatcher
    private let ended: @Sendable () async -> Void
    private let signal = LogSignal()
    private var cursor: LogCursor?
    private var formatter: LogFormatter
    private var finished = false
    private var endTask: Task<Void, Never>?
    private var isWatching = false

    init(
        path: String, options: LogOptions, workers: BlockingPool, watcher: LogWatcher,
        ended: @escaping @Sendable () async -> Void
    ) {
        self.path = path
        self.options = options
        self.workers = workers
        self.watcher = watcher
        self.ended = ended
        formatter = LogFormatter(options: options)
    }

    deinit {
        endTask?.cancel()
        if isWatching { watcher.remove(FileAccess.split(path).directory, signal) }
    }

    /// The next piece; nil at the end.
    func next() async throws -> [UInt8]? {
        guard !finished else { return nil }
        do {
            var cursor = try await start()
            while !Task.isCancelled {
                // Asked before reading: what the container wrote before it ended is read once more after that.
                let hasEnded = signal.hasEnded
                let reading = cursor
                let (lines, moved) = try await workers.run { try reading.read() }
                cursor = moved
                self.cursor = moved
                let piece = formatter.format(lines)
                if formatter.isExhausted { finish() }
                if !piece.isEmpty { return piece }
                if formatter.isExhausted { return nil }
                if !lines.isEmpty { continue }
                guard options.follow, !hasEnded else { break }
                await signal.wait()
            }
        } catch {
            finish()
            throw error
        }
        finish()
        return nil
    }

    private func start() async throws -> LogCursor {
        if let cursor { return cursor }
        if options.follow {
            // Watched before it is read, so that no change falls in between.
            do { try watcher.add(FileAccess.split(path).directory, signal) } catch {
                throw LogCursor.missing(path)
            }
            isWatching = true
            let (ended, signal) = (ended, signal)
            endTask = Task {
                await ended()
                signal.end()
            }
        }
        let (path, tail) = (path, options.tailLines)
        let cursor = try await workers.run { try LogCursor(path: path, tailLines: tail) }
        self.cursor = cursor
        return cursor
    }

    private func finish() {
        finished = true
        endTask?.cancel()
        if isWatching { watcher.remove(FileAccess.split(path).directory, signal) }
        isWatching = false
        cursor = nil
    }
}

/// Turns lines of the file into what is shown.
private struct LogFormatter {
    let options: LogOptions
    private var left: Int?
    /// The last line of each stream was a part: its time is not shown again.
    private var isInside = [false, false]

    init(options: LogOptions) {
        self.options = options
        left = options.limitBytes
    }

    /// All bytes that were asked for have been given.
    var isExhausted: Bool { left.map { $0 <= 0 } ?? false }

    mutating func format(_ lines: [[UInt8]]) -> [UInt8] {
        var output: [UInt8] = []
        for raw in lines where !isExhausted {
            guard let line = LogLine(raw[...]) else { continue }
            if let since = options.since, line.time < since { continue }
            let stream = line.isError ? 1 : 0
            let before = output.count
            if options.timestamps, !isInside[stream] {
                output += line.stamp
                output.append(UInt8(ascii: " "))
            }
            output += line.text
            if !line.isPartial { output.append(UInt8(ascii: "\n")) }
            isInside[stream] = line.isPartial
            if let limit = left {
                let added = output.count - before
                if added > limit { output.removeLast(added - limit) }
                left = max(0, limit - added)
            }
        }
        return output
    }
}
