extension Message {
    /// "MS"
    private static let magic: UInt16 = 0x534d

    private var type: UInt16 {
        switch self {
        case .hello: 1
        case .makeSandbox: 2
        case .launch: 3
        case .signal: 4
        case .kill: 5
        case .forget: 6
        case .list: 7
        case .shutdown: 8
        case .run: 9
        case .cancel: 10
        case .welcome: 101
        case .sandboxReady: 102
        case .launched: 103
        case .launchFailed: 104
        case .containers: 105
        case .done: 106
        case .refused: 107
        case .ran: 108
        case .exited: 201
        }
    }

    /// The packet: magic, type, sequence number, fields. All little-endian; strings with their length before them.
    public func encoded(sequence: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(Self.magic)
        writer.integer(type)
        writer.integer(sequence)
        switch self {
        case .hello(let hello), .welcome(let hello):
            writer.integer(hello.version)
            writer.integer(hello.features)
            writer.integer(hello.pid)
        case .makeSandbox(let request):
            writer.integer(request.kinds)
            writer.string(request.hostname)
            writer.integer(UInt32(request.sysctls.count))
            for sysctl in request.sysctls {
                writer.string(sysctl.path)
                writer.string(sysctl.value)
            }
        case .launch(let request):
            writer.string(request.container)
            writer.string(request.recordPath)
            writer.string(request.logPath)
            writer.integer(request.logMaxBytes)
            writer.integer(request.logMaxFiles)
            writer.boolean(request.killsCgroup)
            writer.boolean(request.providesProcessNamespace)
        case .signal(let container, let signal):
            writer.string(container)
            writer.integer(signal)
        case .kill(let container), .forget(let container):
            writer.string(container)
        case .run(let request):
            writer.string(request.container)
            writer.integer(request.deadlineMilliseconds)
        case .cancel(let sequence):
            writer.integer(sequence)
        case .ran(let outcome):
            writer.integer(outcome.code)
            writer.boolean(outcome.timedOut)
        case .list, .shutdown, .done:
            break
        case .sandboxReady(let hasNetwork):
            writer.boolean(hasNetwork)
        case .launched(let pid, let startedAt):
            writer.integer(pid)
            writer.integer(startedAt)
        case .launchFailed(let failure):
            writer.integer(failure.code)
            writer.integer(failure.index)
            writer.integer(failure.kind)
            writer.boolean(failure.wasKilled)
        case .containers(let all):
            writer.integer(UInt32(all.count))
            for facts in all { facts.write(to: &writer) }
        case .refused(let errno, let reason):
            writer.integer(errno)
            writer.string(reason)
        case .exited(let facts):
            facts.write(to: &writer)
        }
        return writer.bytes
    }

    /// Reads a packet. The sequence number is known even where the type is not, so that it can be refused by number.
    public static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> (sequence: UInt32, message: Message) {
        var reader = ByteReader(bytes)
        guard try reader.integer(UInt16.self) == magic else { throw .notAMessage }
        let type = try reader.integer(UInt16.self)
        let sequence = try reader.integer(UInt32.self)
        return (sequence, try decode(type, &reader))
    }

    /// The sequence number alone; nil where the bytes are no message at all.
    public static func sequence(of bytes: [UInt8]) -> UInt32? {
        var reader = ByteReader(bytes)
        guard let found = try? reader.integer(UInt16.self), found == magic,
            (try? reader.integer(UInt16.self)) != nil
        else { return nil }
        return try? reader.integer(UInt32.self)
    }

    private static func decode(_ type: UInt16, _ reader: inout ByteReader) throws(ProtocolError) -> Message {
        switch type {
        case 1: return .hello(try hello(&reader))
        case 2:
            let kinds = try reader.integer(UInt32.self)
            let hostname = try reader.string()
            var sysctls: [SandboxRequest.Sysctl] = []
            for _ in 0..<(try reader.count()) {
                let path = try reader.string()
                sysctls.append(SandboxRequest.Sysctl(path: path, value: try reader.string()))
            }
            return .makeSandbox(SandboxRequest(kinds: kinds, hostname: hostname, sysctls: sysctls))
        case 3:
            return .launch(
                LaunchRequest(
                    container: try reader.string(), recordPath: try reader.string(), logPath: try reader.string(),
                    logMaxBytes: try reader.integer(), logMaxFiles: try reader.integer(),
                    killsCgroup: try reader.boolean(), providesProcessNamespace: try reader.boolean()))
        case 4: return .signal(container: try reader.string(), signal: try reader.integer())
        case 5: return .kill(container: try reader.string())
        case 6: return .forget(container: try reader.string())
        case 7: return .list
        case 8: return .shutdown
        case 9:
            return .run(RunRequest(container: try reader.string(), deadlineMilliseconds: try reader.integer()))
        case 10: return .cancel(run: try reader.integer())
        case 101: return .welcome(try hello(&reader))
        case 102: return .sandboxReady(hasNetwork: try reader.boolean())
        case 103: return .launched(pid: try reader.integer(), startedAt: try reader.integer())
        case 104:
            return .launchFailed(
                LaunchFailure(
                    code: try reader.integer(), index: try reader.integer(), kind: try reader.integer(),
                    wasKilled: try reader.boolean()))
        case 105:
            var all: [ContainerFacts] = []
            for _ in 0..<(try reader.count()) { all.append(try ContainerFacts(&reader)) }
            return .containers(all)
        case 106: return .done
        case 108: return .ran(RunOutcome(code: try reader.integer(), timedOut: try reader.boolean()))
        case 107: return .refused(errno: try reader.integer(), reason: try reader.string())
        case 201: return .exited(try ContainerFacts(&reader))
        default: throw .unknownMessage(type)
        }
    }

    private static func hello(_ reader: inout ByteReader) throws(ProtocolError) -> Hello {
        Hello(version: try reader.integer(), features: try reader.integer(), pid: try reader.integer())
    }
}

extension ContainerFacts {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.string(container)
        writer.integer(pid)
        writer.integer(startedAt)
        writer.boolean(exit != nil)
        guard let exit else { return }
        writer.integer(exit.pid)
        writer.integer(exit.startedAt)
        writer.integer(exit.finishedAt)
        writer.integer(exit.code)
        writer.integer(exit.signal)
        writer.boolean(exit.oomKilled)
    }

    fileprivate init(_ reader: inout ByteReader) throws(ProtocolError) {
        self.init(
            container: try reader.string(), pid: try reader.integer(), startedAt: try reader.integer(), exit: nil)
        guard try reader.boolean() else { return }
        exit = ExitRecord(
            pid: try reader.integer(), startedAt: try reader.integer(), finishedAt: try reader.integer(),
            code: try reader.integer(), signal: try reader.integer(), oomKilled: try reader.boolean())
    }
}
