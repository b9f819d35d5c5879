import Foundation
import Glibc
import LinuxKernel
import Synchronization

/// Wakes one reader of a log: its directory has changed, or the container has ended.
final class LogSignal: Sendable {
    private struct State {
        var changed = false
        var ended = false
        var cancelled = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var hasEnded: Bool { state.withLock { $0.ended } }

    func change() { update { $0.changed = true } }

    func end() { update { $0.ended = true } }

    private func update(_ body: (inout State) -> Void) {
        let waiter = state.withLock { state in
            body(&state)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns at the next change (or one since the last wait), at the container's end, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    if state.changed || state.ended || state.cancelled {
                        state.changed = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            update { $0.cancelled = true }
        }
        state.withLock { $0.changed = false }
    }
}

/// One inotify instance and one thread for all logs that are followed.
final class LogWatcher: Sendable {
    private struct Watch {
        var directory: String
        var signals: [ObjectIdentifier: LogSignal]
    }

    private struct State {
        var byWatch: [Int32: Watch] = [:]
        var byDirectory: [String: Int32] = [:]
    }

    private let inotify: Inotify
    private let stopEvent: FileDescriptor
    private let shared: Shared

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    init() throws {
        let inotify = try Inotify()
        let stopEvent = try FileDescriptor.event()
        let shared = Shared()
        self.inotify = inotify
        self.stopEvent = stopEvent
        self.shared = shared
        Thread {
            Process.setName("log-watcher")
            Self.run(inotify, stopEvent, shared)
        }.start()
    }

    deinit { try? stopEvent.writeAll([1, 0, 0, 0, 0, 0, 0, 0]) }

    /// Signals on every change in a directory until `remove`.
    func add(_ directory: String, _ signal: LogSignal) throws {
        // Adding a directory that is watched already answers the same number.
        let watch = try inotify.add(
            directory,
            Int32(IN_MODIFY) | Int32(IN_CREATE) | Int32(IN_MOVED_FROM) | Int32(IN_MOVED_TO) | Int32(IN_DELETE))
        shared.state.withLock { state in
            state.byDirectory[directory] = watch
            state.byWatch[watch, default: Watch(directory: directory, signals: [:])].signals[ObjectIdentifier(signal)] =
                signal
        }
    }

    func remove(_ directory: String, _ signal: LogSignal) {
        shared.state.withLock { state in
            guard let watch = state.byDirectory[directory] else { return }
            state.byWatch[watch]?.signals[ObjectIdentifier(signal)] = nil
            if state.byWatch[watch]?.signals.isEmpty == true {
                state.byWatch[watch] = nil
                state.byDirectory[directory] = nil
                // Under the lock: a watch that is added meanwhile would have the same number.
                inotify.remove(watch)
            }
        }
    }

    private static func run(_ inotify: Inotify, _ stopEvent: FileDescriptor, _ shared: Shared) {
        while true {
            guard let ready = try? Poll.wait(any: [inotify.descriptor, stopEvent], milliseconds: -1) else { return }
            if ready.contains(1) { return }
            guard let events = try? inotify.take() else { return }
            let overflow = events.contains { $0.mask & UInt32(IN_Q_OVERFLOW) != 0 }
            let signals = shared.state.withLock { state in
                let watches = overflow ? Set(state.byWatch.keys) : Set(events.map(\.watch))
                return watches.flatMap { state.byWatch[$0].map { Array($0.signals.values) } ?? [] }
            }
            for signal in signals { signal.change() }
        }
    }
}
