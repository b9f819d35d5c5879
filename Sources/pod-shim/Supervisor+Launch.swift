import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Supervisor {
    func makeSandbox(_ request: SandboxRequest, _ asker: Asker) {
        guard namespaces == nil else {
            return answer(.refused(errno: EEXIST, reason: "the sandbox is made already"), to: asker)
        }
        do throws(SystemError) {
            var made = try Namespaces.make(
                Namespaces.Kinds(rawValue: request.kinds), hostname: request.hostname,
                sysctls: request.sysctls.map { ($0.path, $0.value) })
            // The agent keeps the socket; the namespaces are held here.
            let given = [made.network, made.netlink].compactMap { $0 }
            made.netlink = nil
            namespaces = made
            answer(.sandboxReady(hasNetwork: given.count == 2), to: asker, given)
        } catch {
            answer(.refused(errno: error.errno, reason: error.description), to: asker)
        }
    }

    func launch(_ request: LaunchRequest, _ asker: Asker, _ descriptors: [FileDescriptor]) {
        guard descriptors.count >= 3 else {
            return answer(.refused(errno: EINVAL, reason: "plan, cgroup and stamps are missing"), to: asker)
        }
        guard numbers[request.container] == nil, shutdown == nil else {
            return answer(.refused(errno: EEXIST, reason: "\(request.container) is there already"), to: asker)
        }
        do {
            try start(request, asker, descriptors)
        } catch {
            answer(refusal(error), to: asker)
        }
    }

    /// Why nothing was launched.
    func refusal(_ error: any Error) -> Message {
        switch error {
        case let error as SystemError, Launch.Refusal.system(let error):
            .refused(errno: error.errno, reason: error.description)
        case Launch.Refusal.unknownStep(let index):
            .refused(errno: EOPNOTSUPP, reason: "this supervisor does not know step \(index) of the plan")
        case Launch.Refusal.malformed(let index):
            .refused(errno: EINVAL, reason: "step \(index) of the plan is malformed")
        default:
            .refused(errno: EIO, reason: "\(error)")
        }
    }

    private func start(_ request: LaunchRequest, _ asker: Asker, _ descriptors: [FileDescriptor]) throws {
        let records = try FileDescriptor.pipe()
        try records.reading.setNonBlocking(true)
        var streams: [FileDescriptor?] = [nil, nil]
        var childEnds: [FileDescriptor?] = [null, null]
        var log: LogWriter?
        if !request.logPath.isEmpty {
            log = try LogWriter(
                path: request.logPath, maxBytes: request.logMaxBytes, maxFiles: Int(request.logMaxFiles))
            for index in 0..<2 {
                let pipe = try FileDescriptor.pipe()
                try pipe.reading.setNonBlocking(true)
                streams[index] = pipe.reading
                childEnds[index] = pipe.writing
            }
        }
        let held = [namespaces?.network, namespaces?.uts, namespaces?.ipc, nil, processNamespace, null]
        let attached = descriptors[3...].map { Optional($0) }

        let number = nextNumber
        nextNumber += 1
        try epoll.add(records.reading, .readable, token: number << 2 | Token.records)
        for index in 0..<2 {
            if let stream = streams[index] { try epoll.add(stream, .readable, token: number << 2 | UInt64(index)) }
        }
        // Descriptors that epoll watches leave it when they are closed: a failure from here on needs no undoing.
        _ = try Launch.start(
            plan: descriptors[0], stamps: descriptors[2], descriptors: held + childEnds + attached,
            cgroup: descriptors[1], records: records.writing)
        Failpoint.hit("shim.launch.cloned")
        containers[number] = Container(
            number: number, request: request, asker: asker, cgroup: descriptors[1], records: records.reading,
            streams: streams, log: log)
        numbers[request.container] = number
    }

    /// Something happened on a descriptor of a child. An event of this round may be about one that an earlier event has
    /// ended.
    func serveChild(_ token: UInt64) {
        let (number, kind) = (token >> 2, token & 3)
        if let command = commands[number] {
            serve(command, kind)
        } else if let container = containers[number] {
            if kind == Token.records { readRecords(container) } else { readStream(container, Int(kind)) }
        }
    }

    /// One read of output; true while there may be more.
    @discardableResult
    func readStream(_ container: Container, _ index: Int) -> Bool {
        guard let stream = container.streams[index], let which = LogWriter.Stream(rawValue: index) else { return false }
        return buffer.withUnsafeMutableBytes { bytes in
            guard let count = try? stream.read(into: bytes) else { return false }
            if count == 0 {
                epoll.remove(stream)
                container.streams[index] = nil
                return false
            }
            container.log?.take(UnsafeRawBufferPointer(rebasing: bytes[..<count]), from: which)
            return true
        }
    }

    /// Reads what step A and step B told; the end of the pipe decides whether the launch has succeeded.
    func readRecords(_ child: Child) {
        guard let pipe = child.records else { return }
        var bytes = [UInt8](repeating: 0, count: Launch.Record.size)
        while true {
            let got: Int?
            do { got = try bytes.withUnsafeMutableBytes { try pipe.read(into: $0) } } catch { got = 0 }
            guard let got else { return }
            if got == 0 { break }
            switch bytes.withUnsafeBytes({ Launch.Record($0) }) {
            case .born(let pid): child.pid = pid
            case .failed(let failure): if child.failure == nil { child.failure = failure }
            case nil: break
            }
        }
        epoll.remove(pipe)
        child.records = nil
        if child.pid > 0, let exit = unclaimed.removeValue(forKey: child.pid) { child.earlyExit = exit }
        switch child {
        case let container as Container: finishLaunch(container)
        case let command as Command: finishLaunch(command)
        default: break
        }
    }

    private func finishLaunch(_ container: Container) {
        if container.failure != nil || container.pid == 0 {
            // Nothing has been exec'd. What is left of it ends by itself, or was killed.
            if let number = numbers.removeValue(forKey: container.request.container) { containers[number] = nil }
            container.log?.finish()
            return answer(.launchFailed(container.launchFailure), to: container.asker)
        }
        container.startedAt = Realtime.nanoseconds()
        if container.request.providesProcessNamespace {
            processNamespace = try? FileAccess.open("/proc/\(container.pid)/ns/pid", O_RDONLY)
        }
        Failpoint.hit("shim.launch.started")
        answer(.launched(pid: container.pid, startedAt: container.startedAt), to: container.asker)
        if let exit = container.earlyExit { finish(container, exit) }
    }
}
