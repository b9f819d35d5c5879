import Foundation
import Synchronization

/// A terminal of a test's own (pty(7)), 100 columns wide and 30 lines high.
final class PseudoTerminal: Sendable {
    struct Failure: Error {
        var errno: Int32
    }

    /// What a program has as its terminal.
    let inside: FileHandle
    private let outside: FileHandle
    private let said = Mutex("")

    init() throws {
        let number = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard number >= 0 else { throw Failure(errno: errno) }
        outside = FileHandle(fileDescriptor: number, closeOnDealloc: true)
        // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which Swift's Glibc leaves out as it does unlockpt(3) and ptsname(3).
        var (locked, index): (Int32, Int32) = (0, 0)
        guard ioctl(number, 0x4004_5431, &locked) == 0, ioctl(number, 0x8004_5430, &index) == 0 else {
            throw Failure(errno: errno)
        }
        let other = open("/dev/pts/\(index)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard other >= 0 else { throw Failure(errno: errno) }
        inside = FileHandle(fileDescriptor: other, closeOnDealloc: true)
        var size = winsize(ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(number, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure(errno: errno) }
        outside.readabilityHandler = { [weak self] handle in
            let bytes = handle.availableData
            self?.said.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
        }
    }

    deinit { outside.readabilityHandler = nil }

    /// Everything that was written to it.
    var text: String { said.withLock { $0 } }

    /// How it is set: what full-screen programs change.
    var flags: [UInt32] {
        var flags = termios()
        tcgetattr(inside.fileDescriptor, &flags)
        return [flags.c_iflag, flags.c_oflag, flags.c_cflag, flags.c_lflag]
    }

    func press(_ keys: String) { try? outside.write(contentsOf: Data(keys.utf8)) }
}
