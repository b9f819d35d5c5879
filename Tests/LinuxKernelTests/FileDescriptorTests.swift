import Foundation
import Glibc
import Testing

@testable import LinuxKernel

@Suite struct FileDescriptorTests {
    func directory() throws -> String {
        let path = "/tmp/mlk-files-\(UUID().uuidString)"
        try FileAccess.makeDirectory(path)
        return path
    }

    @Test func errorsKeepTheirFacts() throws {
        let error = #expect(throws: SystemError.self) { try FileAccess.open("/nowhere/at/all", O_RDONLY) }
        #expect(error == SystemError(call: "open", object: "/nowhere/at/all", errno: ENOENT))
        #expect(error?.description == "open /nowhere/at/all: no such file or directory")
    }

    @Test func aDescriptorIsClosedWithItsLastReference() throws {
        let (reading, writing) = try FileDescriptor.pipe()
        var end: FileDescriptor? = writing
        try end?.writeAll("x")
        // The other reference is gone with the tuple.
        #expect(try reading.readAll(limit: 1) == [UInt8(ascii: "x")])
        end = nil
        #expect(fcntl(reading.rawValue, F_GETFD) == FD_CLOEXEC)
    }

    @Test func resolutionStaysWhereItIsTold() throws {
        let path = try directory()
        defer { try? FileAccess.removeTree(path) }
        try FileAccess.makeDirectories(path + "/root/etc")
        #expect(symlink("/etc", path + "/root/out") == 0 && symlink("../..", path + "/root/up") == 0)
        let root = try FileDescriptor.open(path + "/root", FileAccess.pathOnly | O_DIRECTORY)
        for outside in ["out/passwd", "up", "..", "/etc"] {
            let error = #expect(throws: SystemError.self) { try root.open(.beneath, outside, O_RDONLY) }
            #expect(error?.errno == EXDEV, "\(outside)")
        }
        // The root is the root: /etc is its own, and `..` stays.
        #expect(
            try root.open(.inRoot, "out", O_RDONLY | O_DIRECTORY).status().st_ino
                == FileAccess.status(path + "/root/etc").st_ino)
        #expect(
            try root.open(.inRoot, "up/../..", O_RDONLY | O_DIRECTORY).status().st_ino
                == FileAccess.status(path + "/root").st_ino)
        let link = #expect(throws: SystemError.self) { try root.open(.beneathWithoutLinks, "up", O_RDONLY) }
        #expect(link?.errno == ELOOP)
    }

    @Test func aSealedMemoryFileCannotBeChanged() throws {
        let file = try FileDescriptor.memory("test", sealable: true)
        try file.writeAll("fixed")
        try file.seal()
        let error = #expect(throws: SystemError.self) { try file.writeAll("x") }
        #expect(error?.errno == EPERM)
        #expect(try FileAccess.read(file.procPath) == Array("fixed".utf8))
    }

    @Test func locksAreOneHolders() throws {
        let path = try directory()
        defer { try? FileAccess.removeTree(path) }
        let first = try FileDescriptor.open(path + "/lock", O_RDWR | O_CREAT, mode: 0o600)
        let second = try FileDescriptor.open(path + "/lock", O_RDWR)
        #expect(try first.tryLock())
        #expect(try !second.tryLock())
    }
}

@Suite struct PacketSocketTests {
    @Test func packetsStayWholeAndCarryDescriptors() throws {
        let (a, b) = try PacketSocket.pair()
        let (reading, writing) = try FileDescriptor.pipe()
        try PacketSocket.send([1, 2, 3], [writing], to: a)
        try PacketSocket.send([4], to: a)
        let first = try #require(try PacketSocket.receive(from: b))
        #expect(first.bytes == [1, 2, 3] && first.descriptors.count == 1)
        try first.descriptors[0].writeAll("through")
        #expect(try reading.readAll(limit: 7) == Array("through".utf8))
        #expect(fcntl(first.descriptors[0].rawValue, F_GETFD) == FD_CLOEXEC)
        #expect(try PacketSocket.receive(from: b)?.bytes == [4])
    }

    @Test func manyDescriptorsAtOnceAndNotOneTooMany() throws {
        let (a, b) = try PacketSocket.pair()
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        try PacketSocket.send([0], [FileDescriptor](repeating: null, count: PacketSocket.maximumDescriptors), to: a)
        #expect(try PacketSocket.receive(from: b)?.descriptors.count == PacketSocket.maximumDescriptors)
        let error = #expect(throws: SystemError.self) {
            try PacketSocket.send(
                [0], [FileDescriptor](repeating: null, count: PacketSocket.maximumDescriptors + 1), to: a)
        }
        #expect(error?.errno == E2BIG)
    }

    @Test func theEndOfTheLineIsTold() throws {
        let (a, b) = try PacketSocket.pair()
        shutdown(a.rawValue, Int32(SHUT_RDWR))
        #expect(try PacketSocket.receive(from: b) == nil)
        let error = #expect(throws: SystemError.self) { try PacketSocket.send([1], to: b) }
        #expect(error?.errno == EPIPE)
    }

    @Test func aSocketIsReachedInADeepDirectory() throws {
        var path = "/tmp/mlk-socket-\(UUID().uuidString)"
        let top = path
        defer { try? FileAccess.removeTree(top) }
        for _ in 0..<10 { path += "/a-rather-long-directory-name" }
        try FileAccess.makeDirectories(path)
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        let listener = try PacketSocket.listen(in: directory, name: "s")
        let client = try PacketSocket.connect(in: directory, name: "s")
        let (server, peer) = try PacketSocket.accept(listener)
        #expect(peer == geteuid())
        try PacketSocket.send([9], to: client)
        #expect(try PacketSocket.receive(from: server)?.bytes == [9])
    }
}

@Suite struct ProcessTests {
    @Test func aProgramIsStartedWithNothingOfOurs() throws {
        signal(SIGUSR1, SIG_IGN)
        defer { signal(SIGUSR1, SIG_DFL) }
        let shell = try FileDescriptor.open("/bin/busybox", O_RDONLY)
        let (reading, writing) = try FileDescriptor.pipe()
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        let spawned = try Process.spawn(
            executable: shell,
            arguments: [
                "sh", "-c",
                "ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status; echo $A; cat /proc/self/sessionid; exit 5",
            ],
            environment: ["A=b", "PATH=/bin:/usr/bin"], descriptors: [null, writing, writing], cgroup: nil)
        #expect(getsid(spawned.pid) == spawned.pid)
        let exit = try #require(try Process.wait(spawned.pidfd, blocking: true))
        #expect(exit.code == 5 && exit.signal == 0 && exit.pid == spawned.pid)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try #require(try bytes.withUnsafeMutableBytes { try reading.read(into: $0) })
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
        // 0, 1, 2 and the one that ls reads the directory with.
        #expect(lines[0] == "4", "\(lines)")
        #expect(lines.contains("b"))
        let mask = try #require(lines.first { $0.hasPrefix("SigIgn") }.flatMap { UInt64($0.dropFirst(8), radix: 16) })
        #expect(mask & (1 << UInt64(SIGUSR1 - 1)) == 0)
    }

    @Test func whatCannotBeExecutedIsAnErrorAndNoProcess() throws {
        let file = try FileDescriptor.memory("text")
        try file.writeAll("neither ELF nor script")
        let error = #expect(throws: SystemError.self) {
            try Process.spawn(executable: file, arguments: ["x"], environment: [], descriptors: [], cgroup: nil)
        }
        #expect(error?.errno == ENOEXEC)
    }

    @Test func aKilledProcessTellsItsSignal() throws {
        let sleep = try FileDescriptor.open("/bin/busybox", O_RDONLY)
        let spawned = try Process.spawn(
            executable: sleep, arguments: ["sleep", "1000"], environment: [], descriptors: [], cgroup: nil)
        #expect(Process.startTime(of: spawned.pid) != nil)
        #expect(try Process.wait(spawned.pidfd, blocking: false) == nil)
        try Process.signal(spawned.pidfd, SIGKILL)
        let exit = try #require(try Process.wait(spawned.pidfd, blocking: true))
        #expect(exit.signal == SIGKILL && exit.code == 137)
        #expect(Process.startTime(of: spawned.pid) == nil)
    }
}

@Suite(.enabled(if: geteuid() == 0, "needs root")) struct MountTests {
    @Test func detachedMountsGoAwayWithTheirDescriptor() throws {
        let before = try FileAccess.readText("/proc/self/mountinfo")
        let tmpfs = try Mount.newFileSystem(
            "tmpfs", options: [("size", "64k"), ("mode", "700")], attributes: [.noExecute])
        let file = try tmpfs.open(at: "inside", O_WRONLY | O_CREAT, mode: 0o600)
        try file.writeAll("x")
        let copy = try Mount.detachedCopy(of: try FileDescriptor.open("/tmp", FileAccess.pathOnly), recursive: true)
        try Mount.setAttributes(of: copy, set: .readOnly, propagation: .private, recursive: true)
        let error = #expect(throws: SystemError.self) { try copy.open(at: "mlk-x", O_WRONLY | O_CREAT) }
        #expect(error?.errno == EROFS)
        #expect(try FileAccess.readText("/proc/self/mountinfo") == before)
    }

    @Test func anUnknownOptionIsAnErrorWithItsName() {
        let error = #expect(throws: SystemError.self) { try Mount.newFileSystem("tmpfs", options: [("nonsense", "1")]) }
        #expect(error?.object == "tmpfs nonsense")
    }

    @Test func unmountingWhatIsNoMountIsFine() throws { try Mount.unmount("/tmp/mlk-nothing-here") }
}
