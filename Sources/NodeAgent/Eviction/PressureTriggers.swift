import Foundation
import LinuxKernel
import Logging

/// Told by the kernel that memory is short, at once and without looking again and again: a trigger on the machine's
/// pressure stall information (kernel: accounting/psi), one on that of all pods together, and inotify(7) on the
/// `memory.events` of the latter, which tells of every touch of its limit. A host without them is looked at periodically
/// only.
final class PressureTriggers: Sendable {
    /// 150 ms of two seconds in which some task waited for memory. Windows of whole two seconds need no privilege.
    private static let stall = "some 150000 2000000"
    private static let stopToken = UInt64.max
    private static let eventsToken = UInt64.max - 1

    private let stopEvent: FileDescriptor?

    /// - Parameters:
    ///   - parent: the cgroup that all pods are in; nil where it is not known.
    ///   - wake: called on a thread of its own, at most a few times a second.
    init(parent: String?, logger: Logger, wake: @escaping @Sendable () -> Void) {
        var sources: [FileDescriptor] = []
        for path in ["/proc/pressure/memory"] + (parent.map { ["\($0)/memory.pressure"] } ?? []) {
            do throws(SystemError) {
                let file = try FileDescriptor.open(path, O_RDWR | O_NONBLOCK)
                try file.writeAll(Self.stall + "\0")
                sources.append(file)
            } catch {
                logger.debug("no pressure trigger", metadata: ["path": "\(path)", "error": "\(error)"])
            }
        }
        let inotify = parent.flatMap { parent -> Inotify? in
            guard let inotify = try? Inotify(), FileAccess.exists("\(parent)/memory.events"),
                (try? inotify.add("\(parent)/memory.events", Int32(IN_MODIFY))) != nil
            else { return nil }
            return inotify
        }
        guard !sources.isEmpty || inotify != nil, let stop = try? FileDescriptor.event(), let epoll = try? Epoll(),
            (try? epoll.add(stop, .readable, token: Self.stopToken)) != nil
        else {
            stopEvent = nil
            return
        }
        stopEvent = stop
        for (index, source) in sources.enumerated() { try? epoll.add(source, .priority, token: UInt64(index)) }
        if let inotify { try? epoll.add(inotify.descriptor, .readable, token: Self.eventsToken) }
        Thread { [sources] in
            LinuxKernel.Process.setName("pressure")
            Self.follow(epoll, sources, inotify, stop, wake)
        }.start()
    }

    /// Ends the thread.
    func stop() { try? stopEvent?.writeAll([1, 0, 0, 0, 0, 0, 0, 0]) }

    private static func follow(
        _ epoll: Epoll, _ sources: [FileDescriptor], _ inotify: Inotify?, _ stop: FileDescriptor,
        _ wake: @Sendable () -> Void
    ) {
        // The descriptors are open for as long as this thread waits on them.
        defer { withExtendedLifetime((sources, stop)) {} }
        while let events = try? epoll.wait(timeout: -1) {
            for event in events {
                switch event.token {
                case stopToken: return
                case eventsToken: _ = try? inotify?.take()
                default:
                    // The cgroup is gone; its trigger would be ready for ever.
                    if event.ready.contains(.error) { epoll.remove(sources[Int(event.token)]) }
                }
            }
            if !events.isEmpty {
                wake()
                // Limits can be touched thousands of times a second, and each look costs something.
                Thread.sleep(forTimeInterval: 0.2)
            }
        }
    }
}
