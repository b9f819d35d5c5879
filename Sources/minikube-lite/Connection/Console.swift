import Foundation

/// Standard output and standard error. Each call is one write, so that nothing waits in a buffer when output goes on
/// for long.
enum Console {
    static func line(_ text: String) { write(text + "\n") }

    static func write(_ text: String) { write(Array(text.utf8)) }

    static func write(_ bytes: [UInt8]) {
        do {
            try FileHandle.standardOutput.write(contentsOf: bytes)
        } catch {
            // The reader has gone (`| head`): there is nobody to tell.
            Foundation.exit(0)
        }
    }

    static func error(_ text: String) {
        // Where even standard error cannot be written to, the exit code has to do.
        try? FileHandle.standardError.write(contentsOf: Array((text + "\n").utf8))
    }
}
