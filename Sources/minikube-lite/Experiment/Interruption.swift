import Dispatch
import Foundation

/// Work that Ctrl-C (or SIGTERM) asks to end in good order; a second one ends the program at once.
enum Interruption {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let work = Task { try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            // Dispatch sees a signal only where its own action does not end the process first.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Console.error("\ninterrupted: ending the trial and cleaning up (once more ends at once)")
                for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
                work.cancel()
            }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        }
        return try await work.value
    }
}
