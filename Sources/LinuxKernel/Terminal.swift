import Glibc

/// The terminal that a program's standard input and output are.
public enum Terminal {
    public struct Size: Sendable, Hashable {
        public var columns: Int
        public var rows: Int

        public init(columns: Int, rows: Int) {
            self.columns = columns
            self.rows = rows
        }
    }

    /// Whether both standard input and standard output are terminals (isatty(3)).
    public static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

    /// How large the terminal of standard output is now; nil where it is none or does not say (TIOCGWINSZ).
    public static var size: Size? {
        var facts = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &facts) == 0, facts.ws_col > 0, facts.ws_row > 0 else {
            return nil
        }
        return Size(columns: Int(facts.ws_col), rows: Int(facts.ws_row))
    }

    /// How the terminal was set before `makeRaw`.
    public struct Settings: Sendable {
        fileprivate let flags: termios
    }

    /// Every key comes at once and unchanged, nothing is shown that is typed, and no key makes a signal (cfmakeraw(3)).
    /// Returns what `restore` needs.
    public static func makeRaw() throws(SystemError) -> Settings {
        var flags = termios()
        try retryingOnInterrupt("tcgetattr", "standard input") { tcgetattr(STDIN_FILENO, &flags) }
        let before = Settings(flags: flags)
        cfmakeraw(&flags)
        try retryingOnInterrupt("tcsetattr", "standard input") { tcsetattr(STDIN_FILENO, TCSAFLUSH, &flags) }
        return before
    }

    /// Undoes `makeRaw`.
    public static func restore(_ settings: Settings) {
        var flags = settings.flags
        // A terminal that has gone needs no restoring.
        _ = try? retryingOnInterrupt("tcsetattr", "standard input") { tcsetattr(STDIN_FILENO, TCSAFLUSH, &flags) }
    }
}
