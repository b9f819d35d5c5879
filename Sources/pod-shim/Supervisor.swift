import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

/// Parent and subreaper of one pod's processes; owner of their output; recorder of their exits.
///
/// One thread, one epoll. It stays in the host's user, mount and PID namespaces and holds the pod's as descriptors. It
/// outlives the agent: any agent may connect at any time, and the newest connection is the one that is spoken to.
final class Supervisor {
    let epoll: Epoll
    private let listener: FileDescriptor
    let children: SignalDescriptor
    let null: FileDescriptor
    private var agent: Connection?
    private var nextGeneration: UInt32 = 1
    var namespaces: Namespaces?
    var processNamespace: FileDescriptor?
    var containers: [UInt64: Container] = [:]
    var numbers: [String: UInt64] = [:]
    /// Commands in the containers.
    var commands: [UInt64: Command] = [:]
    var nextNumber: UInt64 = 1
    /// Reaped children whose container is not known yet: step B can end before step A has told its pid.
    var unclaimed: [Int32: Process.Exit] = [:]
    var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    /// Requests for the list of containers, answered when no launch is under way: a new agent is told what became of
    /// the launch that the old one did not live to see.
    private var lists: [Asker] = []
    /// A shutdown that is under way.
    private(set) var shutdown: Asker?

    enum Token {
        static let listener: UInt64 = 0
        static let agent: UInt64 = 1
        static let children: UInt64 = 2
        /// Above these: a child's number << 2 | kind. The kinds 0 and 1 are a container's stdout and stderr.
        static let records: UInt64 = 2
        static let cgroup: UInt64 = 3
    }

    init(connection: FileDescriptor, listener: FileDescriptor) throws(SystemError) {
        epoll = try Epoll()
        self.listener = listener
        children = try SignalDescriptor(SIGCHLD)
        null = try FileAccess.open("/dev/null", O_RDWR)
        try Process.becomeSubreaper()
        try Process.setDumpable(false)
        try listener.setNonBlocking(true)
        try connection.setNonBlocking(true)
        try epoll.add(listener, .readable, token: Token.listener)
        try epoll.add(children.descriptor, .readable, token: Token.children)
        agent = Connection(connection, generation: 0)
        try epoll.add(connection, .readable, token: Token.agent)
    }

    /// Serves until a shutdown is complete.
    func run() throws(SystemError) {
        while true {
            for event in try epoll.wait(timeout: timeout) {
                switch event.token {
                case Token.listener: acceptAgent()
                case Token.agent: serveAgent(event.ready)
                case Token.children: reap()
                default: serveChild(event.token)
                }
            }
            expireCommands()
            if !lists.isEmpty, !containers.values.contains(where: \.isStarting) {
                for asker in lists { answer(.containers(containers.values.map(\.facts)), to: asker) }
                lists.removeAll()
            }
            if let shutdown, !containers.values.contains(where: \.isAlive), commands.isEmpty {
                answer(.done, to: shutdown)
                return
            }
        }
    }

    // MARK: The agent

    private func acceptAgent() {
        guard let (connection, peer) = try? PacketSocket.accept(listener), peer == geteuid() else { return }
        dropAgent()
        guard (try? epoll.add(connection, .readable, token: Token.agent)) != nil else { return }
        agent = Connection(connection, generation: nextGeneration)
        nextGeneration += 1
    }

    private func dropAgent() {
        guard let old = agent else { return }
        epoll.remove(old.socket)
        agent = nil
        lists.removeAll()
        // Nobody would hear how they end.
        cancel { $0.generation == old.generation }
    }

    private func serveAgent(_ ready: Epoll.Interest) {
        guard let connection = agent else { return }
        if ready.contains(.writable) { flush(connection) }
        guard ready.contains(.readable) || ready.contains(.hangup) || ready.contains(.error) else { return }
        do {
            guard let packet = try PacketSocket.receive(from: connection.socket) else { return dropAgent() }
            Failpoint.hit("shim.message.received")
            do {
                let (sequence, message) = try Message.decode(packet.bytes)
                handle(message, Asker(generation: connection.generation, sequence: sequence), packet.descriptors)
            } catch {
                send(
                    .refused(errno: ENOSYS, reason: "not a message of this version"),
                    Message.sequence(of: packet.bytes) ?? 0)
            }
        } catch  where error.errno == EAGAIN || error.errno == EMSGSIZE {
            return
        } catch {
            dropAgent()
        }
    }

    /// An agent that is gone gets no answer.
    func answer(_ message: Message, to asker: Asker, _ descriptors: [FileDescriptor] = []) {
        guard agent?.generation == asker.generation else { return }
        send(message, asker.sequence, descriptors)
    }

    /// Tells whatever agent there is what it has not asked for.
    func announce(_ message: Message) { send(message, 0) }

    private func send(_ message: Message, _ sequence: UInt32, _ descriptors: [FileDescriptor] = []) {
        guard let connection = agent else { return }
        connection.queue.append((message.encoded(sequence: sequence), descriptors))
        flush(connection)
    }

    private func flush(_ connection: Connection) {
        while let (bytes, descriptors) = connection.queue.first {
            do {
                try PacketSocket.send(bytes, descriptors, to: connection.socket)
                connection.queue.removeFirst()
            } catch  where error.errno == EAGAIN {
                try? epoll.modify(connection.socket, [.readable, .writable], token: Token.agent)
                return
            } catch {
                // Gone: a new agent asks for what it missed.
                return dropAgent()
            }
        }
        try? epoll.modify(connection.socket, .readable, token: Token.agent)
    }

    private func handle(_ message: Message, _ asker: Asker, _ descriptors: [FileDescriptor]) {
        switch message {
        case .hello:
            answer(.welcome(Hello(pid: getpid())), to: asker)
        case .makeSandbox(let request):
            makeSandbox(request, asker)
        case .launch(let request):
            launch(request, asker, descriptors)
        case .run(let request):
            run(request, asker, descriptors)
        case .cancel(let sequence):
            cancel { $0 == Asker(generation: asker.generation, sequence: sequence) }
            answer(.done, to: asker)
        case .signal(let name, let signal):
            guard let container = container(name), container.pid > 0, container.isAlive else {
                return answer(.refused(errno: ESRCH, reason: name), to: asker)
            }
            // Our own child and not reaped yet: the pid is still its.
            answer(
                Glibc.kill(container.pid, signal) == 0 ? .done : .refused(errno: errno, reason: name), to: asker)
        case .kill(let name):
            guard let container = container(name) else {
                return answer(.refused(errno: ESRCH, reason: name), to: asker)
            }
            do throws(SystemError) {
                try container.killAll()
                answer(.done, to: asker)
            } catch { answer(.refused(errno: error.errno, reason: error.description), to: asker) }
        case .forget(let name):
            if let number = numbers[name], let container = containers[number], !container.isAlive {
                numbers[name] = nil
                containers[number] = nil
            }
            answer(.done, to: asker)
        case .list:
            lists.append(asker)
        case .shutdown:
            for container in containers.values where container.isAlive { try? container.killAll() }
            shutdown = asker
        case .welcome, .sandboxReady, .launched, .launchFailed, .containers, .ran, .done, .refused, .exited:
            answer(.refused(errno: EINVAL, reason: "an answer is no request"), to: asker)
        }
    }

    func container(_ name: String) -> Container? { numbers[name].flatMap { containers[$0] } }
}
