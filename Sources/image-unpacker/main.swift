// The jailed helper: unpacks one layer of an image, or takes the compression off one, and reads nothing but its standard
// input. It is started by the node's image store only.
//
//   image-unpacker unpack DIRECTORY refuse|skip   a tar archive from standard input into an empty directory. Standard output
//                                                 gets, at the end, the directories that hide what is below them in lower
//                                                 layers (opaque), each followed by a NUL.
//   image-unpacker decompress                     standard input to standard output.
//
// Exit code 0: done. 1: refused or failed, with one line on standard error.

import Glibc
import LinuxKernel

/// CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP: what it takes to give files their owners and modes.
let ownership: UInt64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 31

func fail(_ message: String) -> Never {
    var line = Array((message + "\n").utf8)
    _ = write(2, &line, line.count)
    exit(1)
}

func lockIn(root: String?) throws(SystemError) {
    try Jail.enter(root: root)
    // A window of 128 MiB is the most that zstd and xz archives of images have.
    try Jail.limit(memory: 1 << 30, files: 256, cpuSeconds: 3600)
    try Jail.restrict(capabilities: root == nil ? 0 : ownership)
    try Jail.install(seccomp: try JailFilter.program())
}

// libarchive converts names by the locale; this one is built into the C library, which can load nothing in the jail.
setlocale(LC_ALL, "C.UTF-8")

do {
    let arguments = CommandLine.arguments
    switch (arguments.dropFirst().first, arguments.count) {
    case ("unpack", 4):
        guard let devices = Unpacking.DevicePolicy(rawValue: arguments[3]) else {
            fail("usage: unpack DIRECTORY refuse|skip")
        }
        try lockIn(root: arguments[2])
        try Unpacking(devices: devices).run()
    case ("decompress", 2):
        try lockIn(root: nil)
        try Decompression.run()
    default:
        fail("usage: image-unpacker unpack DIRECTORY refuse|skip, or image-unpacker decompress")
    }
} catch let error as SystemError {
    fail(error.description)
} catch let error as Refusal {
    fail(error.message)
} catch {
    fail("\(error)")
}
