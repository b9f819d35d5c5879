import Glibc
import Testing

@testable import LinuxKernel

@Suite struct RemoveTreeTests {
    let path = "/tmp/mkl-remove-\(getpid())-\(Monotonic.nanoseconds())"

    @Test func everythingGoesAndLinksAreNotFollowed() throws {
        let outside = path + "-outside"
        try FileAccess.makeDirectories(path + "/a/b")
        try FileAccess.makeDirectories(outside)
        try FileAccess.replace(outside + "/kept", with: [1])
        try FileAccess.replace(path + "/a/file", with: [1])
        symlink(outside, path + "/a/link")
        symlink("/nowhere", path + "/dangling")
        mkfifo(path + "/a/b/fifo", 0o600)
        try FileAccess.removeTree(path)
        #expect(!FileAccess.exists(path))
        #expect(FileAccess.exists(outside + "/kept"))
        try FileAccess.removeTree(path)
        symlink(outside, path)
        try FileAccess.removeTree(path)
        #expect(FileAccess.kind(path) == nil && FileAccess.exists(outside + "/kept"))
        try FileAccess.removeTree(outside)
    }

    @Test func noDepthIsTooDeep() throws {
        // Longer than any path can be: a container can make it by going down step by step.
        try FileAccess.makeDirectory(path)
        var directory = try FileAccess.open(path, O_RDONLY | O_DIRECTORY)
        for _ in 0..<1000 {
            #expect(mkdirat(directory.rawValue, "level-with-a-name", 0o755) == 0)
            directory = try FileAccess.open(at: directory, "level-with-a-name", O_RDONLY | O_DIRECTORY)
        }
        try FileAccess.removeTree(path)
        #expect(!FileAccess.exists(path))
    }
}
