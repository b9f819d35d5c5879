import Foundation
import KubernetesAPI
import LinuxKernel

/// `top` on a terminal: looks again and again, and listens to keys, until it is told to end.
struct TopSession: Sendable {
    private enum Happening: Sendable {
        case terminal(TerminalSession.Event)
        case looked(Result<TopSnapshot, any Error>)
    }

    /// What is on the screen, and how.
    private struct State {
        var now: TopSnapshot?
        var before: TopSnapshot?
        var order: TopTable.Order
        var isPaused = false
        var showsHelp = false
        var problem = ""
    }

    private static let help = [
        "q        quit", "c m n    sort by CPU, memory, name", "space    pause, and go on", "?        this help", "",
        "OF LIMIT      use of the limit; - where there is none",
        "REQ/LIM       request and limit that are in force",
        "THR%          share of the quota's periods in which the container was held back",
        "PEAK          the most memory that was in use at once",
        "PSI10 C/M/I   percent of the last 10 s in which something waited for CPU, memory, io",
        "OOM, RST      processes that the OOM killer ended; restarts of the container",
    ]

    private let source: TopSource
    private let subject: TopCommand.Subject
    private let order: TopTable.Order
    private let interval: Double

    init(_ source: TopSource, subject: TopCommand.Subject, order: TopTable.Order, interval: Double) {
        self.source = source
        self.subject = subject
        self.order = order
        self.interval = interval
    }

    func run() async throws {
        // What is refused at once (no such server, no rights) is an error of the command and no screen.
        let first = try await source.look()
        let session = try TerminalSession()
        let end: Int32
        do {
            end = try await work(session, first)
            session.end()
        } catch {
            session.end()
            throw error
        }
        guard end > 0 else { return }
        // Who waits for this process sees the signal that has ended it. Dispatch and Swift's threads block signals.
        signal(end, SIG_DFL)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, end)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(end)
    }

    /// Returns the number of the signal that has ended it, or 0.
    private func work(_ session: TerminalSession, _ first: TopSnapshot) async throws -> Int32 {
        let (happenings, happening) = AsyncStream.makeStream(of: Happening.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await event in session.events { happening.yield(.terminal(event)) } }
            group.addTask { [source, interval] in
                while true {
                    try await Task.sleep(for: .seconds(interval))
                    let result: Result<TopSnapshot, any Error>
                    do { result = .success(try await source.look()) } catch { result = .failure(error) }
                    happening.yield(.looked(result))
                }
            }
            defer { group.cancelAll() }
            var state = State(now: first, order: order)
            show(state, session)
            for await event in happenings {
                switch event {
                case .terminal(.terminated(let signal)): return signal
                case .terminal(.resized): break
                case .terminal(.key(let key)):
                    guard try press(key, &state, session) else { return 0 }
                case .looked(.success(let snapshot)):
                    state.problem = ""
                    if state.isPaused { continue }
                    state.before = state.now
                    state.now = snapshot
                case .looked(.failure(let error)):
                    // The node may be starting anew: what was seen last stays, with a word about it.
                    state.problem = (error as? APIError)?.status.message ?? "\(error)"
                }
                show(state, session)
            }
            return 0
        }
    }

    /// False: the end.
    private func press(_ key: UInt8, _ state: inout State, _ session: TerminalSession) throws -> Bool {
        switch key {
        // Ctrl-C and Ctrl-D mean what they mean elsewhere.
        case UInt8(ascii: "q"), 3, 4: return false
        case UInt8(ascii: "c"): state.order = .cpu
        case UInt8(ascii: "m"): state.order = .memory
        case UInt8(ascii: "n"): state.order = .name
        case UInt8(ascii: " "): state.isPaused.toggle()
        case UInt8(ascii: "?"), UInt8(ascii: "h"): state.showsHelp.toggle()
        case 26: try session.suspend()
        default: break
        }
        return true
    }

    private func show(_ state: State, _ session: TerminalSession) {
        guard let now = state.now else { return }
        let size = Terminal.size ?? Terminal.Size(columns: 80, rows: 24)
        var screen = TopScreen()
        screen.isColored = ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        let table = TopTable(now, since: state.before, order: state.order)
        let note = state.problem.isEmpty ? (state.isPaused ? "paused" : "") : "no answer: \(state.problem)"
        let lines =
            state.showsHelp
            ? Self.help
            : subject == .pods
                ? screen.table(table.rows, columns: TopScreen.podColumns, width: size.columns)
                : screen.table(
                    TopTable.ofNode(now, since: state.before), columns: TopScreen.nodeColumns, width: size.columns)
        session.show(
            screen.screen(
                header: screen.header(now, table.node, now: TimeSource.system.now, note: note), table: lines,
                footer: "sorted by \(state.order.rawValue)   q quit  c m n sort  space pause  ? help",
                size: (size.columns, size.rows)))
    }
}
