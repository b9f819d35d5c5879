import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Supervisor {
    /// Reaps all that has ended: containers, commands, steps A, and orphans that were given to us.
    func reap() {
        children.drain()
        while let exit = try? Process.waitAny() {
            if let container = containers.values.first(where: { $0.pid == exit.pid && $0.isAlive }) {
                claim(container, exit)
            } else if let command = commands.values.first(where: { $0.pid == exit.pid && $0.outcome == nil }) {
                claim(command, exit)
            } else if isLaunching {
                // Perhaps a step B whose pid has not been told yet.
                unclaimed[exit.pid] = exit
            }
        }
        // A launch that ended while we reaped has its records in the pipe by now.
        for container in containers.values where container.isStarting { readRecords(container) }
        for command in commands.values where command.isStarting { readRecords(command) }
        if !isLaunching { unclaimed.removeAll() }
    }

    private var isLaunching: Bool {
        containers.values.contains(where: \.isStarting) || commands.values.contains(where: \.isStarting)
    }

    private func claim(_ container: Container, _ exit: Process.Exit) {
        if container.isStarting {
            // The end of the record pipe comes first: only then is it known whether exec had succeeded.
            container.earlyExit = exit
        } else {
            finish(container, exit)
        }
    }

    /// A container's main process has ended: the rest of its output, the record on disk, then the word to the agent.
    func finish(_ container: Container, _ exit: Process.Exit) {
        let finishedAt = Realtime.nanoseconds()
        if container.request.killsCgroup { try? container.killAll() }
        for index in 0..<2 {
            // At most what a pipe holds: a process that escaped with the pipe could go on writing for ever.
            var rounds = 64
            while rounds > 0, readStream(container, index) { rounds -= 1 }
            if let stream = container.streams[index] { epoll.remove(stream) }
            container.streams[index] = nil
        }
        container.log?.finish()
        container.log = nil
        let record = ExitRecord(
            pid: exit.pid, startedAt: container.startedAt, finishedAt: finishedAt, code: exit.code, signal: exit.signal,
            oomKilled: container.wasOutOfMemory)
        Failpoint.hit("shim.exit.before")
        do throws(SystemError) {
            try FileAccess.replace(container.request.recordPath, with: Array(record.text.utf8))
        } catch {
            // The agent is told all the same, and writes down what it is told.
            let line = "pod-shim: cannot record the exit of \(container.request.container): \(error)\n"
            _ = line.withCString { write(2, $0, strlen($0)) }
        }
        Failpoint.hit("shim.exit.recorded")
        container.exit = record
        announce(.exited(container.facts))
    }
}
