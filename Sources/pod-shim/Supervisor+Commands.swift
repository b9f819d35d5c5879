import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Supervisor {
    /// Starts a command in a container that runs.
    func run(_ request: RunRequest, _ asker: Asker, _ descriptors: [FileDescriptor]) {
        guard descriptors.count == 2 else {
            return answer(.refused(errno: EINVAL, reason: "plan and output are missing"), to: asker)
        }
        guard let container = container(request.container), container.isRunning, shutdown == nil else {
            return answer(.refused(errno: ESRCH, reason: "container \(request.container) does not run"), to: asker)
        }
        guard commands.count < Command.limit else {
            return answer(
                .refused(errno: EBUSY, reason: "\(commands.count) commands run in this sandbox already"), to: asker)
        }
        do {
            try start(request, in: container, asker, plan: descriptors[0], output: descriptors[1])
        } catch {
            answer(refusal(error), to: asker)
        }
    }

    private func start(
        _ request: RunRequest, in container: Container, _ asker: Asker, plan: FileDescriptor, output: FileDescriptor
    ) throws {
        let due = Monotonic.nanoseconds() + Int64(request.deadlineMilliseconds) * 1_000_000
        // Our own child and not reaped: the pid is still its.
        func namespace(_ name: String) throws -> FileDescriptor {
            try FileAccess.open("/proc/\(container.pid)/ns/\(name)", O_RDONLY)
        }
        let (processes, mounts, cgroups) = try (namespace("pid"), namespace("mnt"), namespace("cgroup"))
        let records = try FileDescriptor.pipe()
        try records.reading.setNonBlocking(true)

        let number = nextNumber
        nextNumber += 1
        let name = "exec-\(number)"
        try FileAccess.makeDirectory(at: container.cgroup, name)
        do {
            let cgroup = try FileAccess.open(at: container.cgroup, name, O_RDONLY | O_DIRECTORY)
            try epoll.add(records.reading, .readable, token: number << 2 | Token.records)
            // Step A is born in the command's cgroup and joins; step B, its sibling, is in all of the container's
            // namespaces from its first instruction on.
            _ = try Launch.start(
                plan: plan, stamps: nil,
                descriptors: [
                    namespaces?.network, namespaces?.uts, namespaces?.ipc, nil, processes, null, output, output, mounts,
                    cgroups,
                ],
                cgroup: cgroup, records: records.writing)
            Failpoint.hit("shim.run.cloned")
            commands[number] = Command(
                number: number, asker: asker, records: records.reading, parent: container.cgroup, name: name,
                cgroup: cgroup, due: due)
        } catch {
            try? FileAccess.removeDirectory(at: container.cgroup, name)
            throw error
        }
    }

    /// The record pipe has ended.
    func finishLaunch(_ command: Command) {
        if command.failure != nil {
            end(command, .launchFailed(command.launchFailure))
        } else if command.pid == 0 {
            // Killed before there was a step B.
            end(command, .ran(RunOutcome(code: 128 + SIGKILL, timedOut: command.timedOut)))
        } else if let exit = command.earlyExit {
            finish(command, exit)
        }
    }

    func claim(_ command: Command, _ exit: Process.Exit) {
        if command.isStarting { command.earlyExit = exit } else { finish(command, exit) }
    }

    private func finish(_ command: Command, _ exit: Process.Exit) {
        end(command, .ran(RunOutcome(code: exit.code, timedOut: command.timedOut)))
    }

    private func end(_ command: Command, _ outcome: Message) {
        command.outcome = outcome
        remove(command)
    }

    /// Removes the cgroup of a command that has ended, and answers. What the command has left in the background is ended
    /// first: it must not outlive it, nor keep anyone waiting.
    private func remove(_ command: Command) {
        if !command.removeCgroup() {
            command.kill()
            if command.events == nil, let events = try? ControlGroup.events(command.cgroup) {
                command.events = events
                try? epoll.add(events, .priority, token: command.number << 2 | Token.cgroup)
            }
            // Read before it is looked at again, so that no change falls in between.
            if let events = command.events {
                _ = buffer.withUnsafeMutableBytes { try? events.read(at: 0, into: $0) }
            }
            guard command.removeCgroup() else { return }
        }
        if let events = command.events { epoll.remove(events) }
        commands[command.number] = nil
        tell(command)
    }

    private func tell(_ command: Command) {
        guard !command.isAnswered else { return }
        command.isAnswered = true
        answer(
            command.outcome ?? .ran(RunOutcome(code: 128 + SIGKILL, timedOut: command.timedOut)), to: command.asker)
    }

    /// Something happened on a descriptor of a command.
    func serve(_ command: Command, _ kind: UInt64) {
        if kind == Token.records { readRecords(command) } else { remove(command) }
    }

    /// Ends what an agent asks for no more.
    func cancel(_ isMeant: (Asker) -> Bool) {
        for command in commands.values where isMeant(command.asker) { command.kill() }
    }

    /// Milliseconds until a command is due; -1 where none is.
    var timeout: Int32 {
        guard let next = commands.values.lazy.filter({ !$0.isAnswered }).map(\.due).min() else { return -1 }
        // Rounded up: a wait that is too short would come back at once.
        return Int32(clamping: max(0, next - Monotonic.nanoseconds() + 999_999) / 1_000_000)
    }

    /// Kills what is late, and answers where even that was in vain.
    func expireCommands() {
        guard !commands.isEmpty else { return }
        let now = Monotonic.nanoseconds()
        for command in commands.values where !command.isAnswered && command.due <= now {
            if command.isKilled {
                tell(command)
            } else {
                command.timedOut = true
                command.kill()
            }
        }
    }
}
