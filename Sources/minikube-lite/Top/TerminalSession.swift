import Dispatch
import Foundation
import LinuxKernel

/// The whole terminal, taken for as long as a full-screen command runs: the alternate screen, every key at once, no
/// cursor. Whatever ends the command, `end` gives the terminal back as it was.
///
/// Keys, a changed window size and signals arrive as events in one stream; nothing is polled.
final class TerminalSession: Sendable {
    enum Event: Sendable, Hashable {
        case key(UInt8)
        case resized
        /// Asked to end, by a signal's number; 0 where the terminal itself has gone.
        case terminated(Int32)
    }

    let events: AsyncStream<Event>
    private let settings: Terminal.Settings
    private let sources: Sources

    /// Dispatch's sources, which are cancelled at the end. Dispatch is thread-safe; its types do not say so.
    private struct Sources: @unchecked Sendable {
        var all: [any DispatchSourceProtocol] = []
    }

    /// Takes the terminal. Throws where standard input is none.
    init() throws {
        settings = try Terminal.makeRaw()
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        events = stream
        let queue = DispatchQueue(label: "terminal")
        var sources = Sources()
        for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
            // Dispatch sees a signal only where its own action does not end the process first.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(.terminated(number)) }
            sources.all.append(source)
        }
        let window = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: queue)
        window.setEventHandler { continuation.yield(.resized) }
        sources.all.append(window)
        let keys = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: queue)
        keys.setEventHandler {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count <= 0 { continuation.yield(.terminated(0)) }
            // An escape sequence (an arrow, say) is one key that means nothing here.
            guard count > 0, !(count > 1 && buffer[0] == 0x1B) else { return }
            for byte in buffer[..<count] { continuation.yield(.key(byte)) }
        }
        sources.all.append(keys)
        for source in sources.all { source.resume() }
        self.sources = sources
        enter()
    }

    private func enter() { Console.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J") }
    private func leave() { Console.write("\u{1B}[?25h\u{1B}[?1049l") }

    /// Gives the terminal back.
    func end() {
        for source in sources.all { source.cancel() }
        leave()
        Terminal.restore(settings)
    }

    /// Stops this process as Ctrl-Z does, with the terminal given back meanwhile; returns when it goes on.
    func suspend() throws {
        leave()
        Terminal.restore(settings)
        raise(SIGSTOP)
        _ = try Terminal.makeRaw()
        enter()
    }

    /// Shows lines in place of what is there, without a flicker: each line is overwritten, then what is behind it is
    /// erased.
    func show(_ lines: [String]) {
        var text = "\u{1B}[H"
        for (index, line) in lines.enumerated() {
            text += line + "\u{1B}[K" + (index == lines.count - 1 ? "\u{1B}[J" : "\r\n")
        }
        Console.write(text)
    }
}
