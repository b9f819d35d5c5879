import Glibc
import Testing

@testable import LinuxKernel

@Suite struct TreeUsageTests {
    let path = "/tmp/mkl-usage-\(getpid())-\(Monotonic.nanoseconds())"

    @Test func linksAreNotFollowedAndNamesOfOneFileCountOnce() throws {
        try FileAccess.makeDirectories(path + "/a/b")
        try FileAccess.replace(path + "/a/file", with: [UInt8](repeating: 1, count: 100_000))
        link(path + "/a/file", path + "/a/b/same")
        symlink("/usr", path + "/a/link")
        let usage = try TreeUsage.measure(path)
        // The directory, a, b, file, link.
        #expect(usage.inodes == 5)
        #expect((100_000...150_000).contains(usage.bytes))
        #expect(usage.isComplete)
        try FileAccess.removeTree(path)
        #expect(throws: SystemError.self) { try TreeUsage.measure(path) }
    }

    @Test func aSparseFileCountsWithWhatItHas() throws {
        try FileAccess.makeDirectory(path)
        let file = try FileAccess.open(path + "/sparse", O_RDWR | O_CREAT)
        #expect(ftruncate(file.rawValue, 1 << 30) == 0)
        #expect(try TreeUsage.measure(path).bytes < 1 << 20)
        try FileAccess.removeTree(path)
    }

    @Test func aWalkEndsAtItsBounds() throws {
        try FileAccess.makeDirectory(path)
        for index in 0..<600 { try FileAccess.createFile("\(path)/\(index)", mode: 0o600) }
        let few = try TreeUsage.measure(path, entries: 100)
        #expect(!few.isComplete && few.inodes == 100)
        #expect(try !TreeUsage.measure(path, until: Monotonic.nanoseconds()).isComplete)
        #expect(try TreeUsage.measure(path).inodes == 601)
        try FileAccess.removeTree(path)
    }

    @Test func aDeepTreeIsALowerBound() throws {
        try FileAccess.makeDirectory(path)
        var directory = try FileAccess.open(path, O_RDONLY | O_DIRECTORY)
        for _ in 0..<300 {
            mkdirat(directory.rawValue, "d", 0o700)
            directory = try FileAccess.open(at: directory, "d", O_RDONLY | O_DIRECTORY)
        }
        let usage = try TreeUsage.measure(path)
        #expect(!usage.isComplete && usage.inodes > 200)
        try FileAccess.removeTree(path)
    }

    @Test func aFileSystemIsMeasured() throws {
        let usage = try FileSystemUsage.measure("/")
        #expect(usage.capacityBytes > 0 && usage.availableBytes <= usage.capacityBytes)
        #expect(usage.usedBytes <= usage.capacityBytes && usage.inodesFree <= usage.inodes)
        #expect(throws: SystemError.self) { try FileSystemUsage.measure("/nonexistent") }
    }
}
