import Foundation
import LinuxKernel
import Synchronization

/// A thread that hears of every device that goes away, frees its pod's addresses, and removes devices whose pod is long gone.
final class NetworkMonitor: Sendable {
    private let socket: NetlinkSocket
    private let wakeup: FileDescriptor
    private let stopped = Atomic<Bool>(false)
    private let owner: Weak

    /// The network owns the monitor, not the other way round.
    private final class Weak: @unchecked Sendable {
        // @unchecked: a weak reference is loaded atomically by the runtime, and it is never stored to again.
        private(set) weak var network: PodNetwork?
        init(_ network: PodNetwork) { self.network = network }
    }

    init(owner: PodNetwork) throws {
        socket = try NetlinkSocket(.route)
        try socket.join(group: 1)  // RTNLGRP_LINK
        wakeup = try FileDescriptor.event()
        self.owner = Weak(owner)
    }

    func start() {
        Thread { [self] in
            Process.setName("pod-net-monitor")
            run()
        }.start()
    }

    func stop() {
        stopped.store(true, ordering: .sequentiallyConsistent)
        wake()
    }

    /// The thread looks at its deadlines again.
    func wake() {
        // A counter that is full wakes it as well.
        try? wakeup.writeAll([1, 0, 0, 0, 0, 0, 0, 0])
    }

    private func run() {
        while !stopped.load(ordering: .sequentiallyConsistent), let network = owner.network {
            network.freeVanished()
            let next = network.removeOverdue()
            let milliseconds = next.map { Int32(clamping: max(0, ($0 - Monotonic.nanoseconds()) / 1_000_000 + 1)) }
            // Bounded, so that a network that nobody holds any more does not keep its thread.
            let ready = try? Poll.wait(
                any: [socket.descriptor, wakeup], milliseconds: min(milliseconds ?? 30_000, 30_000))
            guard let ready else { return }
            if ready.contains(1) { _ = try? wakeup.readAll(limit: 8) }
            guard ready.contains(0) else { continue }
            do throws(NetlinkError) {
                for reply in try socket.receive(milliseconds: 0) ?? [] {
                    if let link = RouteMessage.Link(reply) { network.deviceChanged(link) }
                }
            } catch {
                // ENOBUFS: notifications were lost.
                try? network.resync()
                try? network.followUplink()
            }
        }
    }
}
