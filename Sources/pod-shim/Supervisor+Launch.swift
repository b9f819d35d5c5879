import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Supervisor {
    func makeSandbox(_ request: SandboxRequest, _ sequence: UInt32) {
        guard namespaces == nil else {
            return answer(.refused(errno: EEXIST, reason: "the sandbox is made already"), to: sequence)
        }
        do throws(SystemError) {
            var made = try Namespaces.make(
                Namespaces.Kinds(rawValue: request.kinds), hostname: request.hostname,
                sysctls: request.sysctls.map { ($0.path, $0.value) })
            // The agent keeps the socket; the namespaces are held here.
            let given = [made.network, made.netlink].compactMap { $0 }
            made.netlink = nil
            namespaces = made
            answer(.sandboxReady(hasNetwork: given.count == 2), to: sequence, given)
        } catch {
            answer(.refused(errno: error.errno, reason: error.description), to: sequence)
        }
    }

    func launch(_ request: LaunchRequest, _ sequence: UInt32, _ descriptors: [FileDescriptor]) {
        guard descriptors.count >= 3 else {
            return answer(.refused(errno: EINVAL, reason: "plan, cgroup and stamps are missing"), to: sequence)
        }
        guard numbers[request.container] == nil, shutdown == nil else {
            return answer(.refused(errno: EEXIST, reason: "\(request.container) is there already"), to: sequence)
        }
        do {
            try start(request, sequence, descriptors)
        } catch let error as SystemError {
            answer(.refused(errno: error.errno, reason: error.description), to: sequence)
        } catch Launch.Refusal.unknownStep(let index) {
            answer(
                .refused(errno: EOPNOTSUPP, reason: "this supervisor does not know step \(index) of the plan"),
                to: sequence)
        } catch Launch.Refusal.malformed(let index) {
            answer(.refused(errno: EINVAL, reason: "step \(index) of the plan is malformed"), to: sequence)
        } catch Launch.Refusal.system(let error) {
            answer(.refused(errno: error.errno, reason: error.description), to: sequence)
        } catch {
            answer(.refused(errno: EIO, reason: "\(error)"), to: sequence)
        }
    }

    private func start(_ request: LaunchRequest, _ sequence: UInt32, _ descriptors: [FileDescriptor]) throws {
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
        let helper = try Launch.start(
            plan: descriptors[0], stamps: descriptors[2], descriptors: held + childEnds + attached,
            cgroup: descriptors[1], records: records.writing)
        Failpoint.hit("shim.launch.cloned")
        containers[number] = Container(
            request: request, sequence: sequence, cgroup: descriptors[1], helper: helper, records: records.reading,
            streams: streams, log: log)
        numbers[request.container] = number
    }

    /// Something happened on a descriptor of a container.
    func serveContainer(_ token: UInt64) {
        // An event of this round may be about a container that an earlier one ended.
        guard let container = containers[token >> 2] else { return }
        if token & 3 == Token.records {
            readRecords(container)
        } else {
            readStream(container, Int(token & 3))
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
    func readRecords(_ container: Container) {
        guard let pipe = container.records else { return }
        var bytes = [UInt8](repeating: 0, count: Launch.Record.size)
        while true {
            let got: Int?
            do { got = try bytes.withUnsafeMutableBytes { try pipe.read(into: $0) } } catch { got = 0 }
            guard let got else { return }
            if got == 0 { break }
            switch bytes.withUnsafeBytes({ Launch.Record($0) }) {
            case .born(let pid): container.pid = pid
            case .failed(let failure):
                if case .starting(let helper, nil) = container.state {
                    container.state = .starting(helper: helper, failure: failure)
                }
            case nil: break
            }
        }
        epoll.remove(pipe)
        container.records = nil
        finishLaunch(container)
    }

    private func finishLaunch(_ container: Container) {
        guard case .starting(_, let failure) = container.state else { return }
        if container.pid > 0, let exit = unclaimed.removeValue(forKey: container.pid) { container.earlyExit = exit }
        if failure != nil || container.pid == 0 {
            // Nothing has been exec'd. What is left of it ends by itself, or was killed.
            if let number = numbers.removeValue(forKey: container.request.container) { containers[number] = nil }
            container.log?.finish()
            return answer(
                .launchFailed(
                    LaunchFailure(
                        code: failure?.code ?? ECHILD, index: UInt32(failure?.index ?? 0), kind: failure?.kind ?? 0,
                        wasKilled: failure == nil)), to: container.sequence)
        }
        container.state = .running
        container.startedAt = Realtime.nanoseconds()
        if container.request.providesProcessNamespace {
            processNamespace = try? FileAccess.open("/proc/\(container.pid)/ns/pid", O_RDONLY)
        }
        Failpoint.hit("shim.launch.started")
        answer(.launched(pid: container.pid, startedAt: container.startedAt), to: container.sequence)
        if let exit = container.earlyExit { finish(container, exit) }
    }
}
