import Foundation
import Testing

@testable import PodRuntime

struct VolumeStoreTests {
    private let directory: TemporaryDirectory
    private let store: VolumeStore

    init() throws {
        directory = try TemporaryDirectory()
        store = VolumeStore(dataDirectory: directory.path + "/data", runDirectory: directory.path + "/run")
    }

    private func file(_ path: String, _ text: String, _ mode: UInt32 = 0o644) -> VolumeFile {
        VolumeFile(path: path, content: Array(text.utf8), mode: mode)
    }

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func anEmptyDirectoryIsForEveryone() throws {
        let path = try store.directory(pod: "p", name: "cache")
        #expect(try mode(path) == 0o777)
        try "x".write(toFile: path + "/kept", atomically: false, encoding: .utf8)
        #expect(try store.directory(pod: "p", name: "cache") == path)
        #expect(FileManager.default.fileExists(atPath: path + "/kept"))
    }

    @Test func filesChangeTogether() throws {
        let path = store.filesPath(pod: "p", name: "config")
        #expect(try store.write([file("a", "1", 0o600), file("deep/b", "2")], pod: "p", name: "config"))
        #expect(directory.read("run/volumes/p/config/a") == "1")
        #expect(directory.read("run/volumes/p/config/deep/b") == "2")
        #expect(try mode(path + "/..data/a") == 0o600)
        let first = try FileManager.default.destinationOfSymbolicLink(atPath: path + "/..data")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path + "/a") == "..data/a")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path + "/deep") == "..data/deep")
        // The same again is left alone.
        #expect(try !store.write([file("a", "1", 0o600), file("deep/b", "2")], pod: "p", name: "config"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path + "/..data") == first)
        // Another version takes its place, and nothing of the old one stays.
        #expect(try store.write([file("a", "3"), file("c", "4")], pod: "p", name: "config"))
        #expect(directory.read("run/volumes/p/config/a") == "3")
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        #expect(names.filter { !$0.hasPrefix("..2") } == ["..data", "a", "c"])
        #expect(names.count == 4)
        // A file less, a mode more.
        #expect(try store.write([file("a", "3")], pod: "p", name: "config"))
        #expect(try store.write([file("a", "3", 0o400)], pod: "p", name: "config"))
    }

    @Test(arguments: ["../a", "/a", "a/../b", "", "..data", "a//b"])
    func pathsThatLeadOutAreRefused(path: String) {
        #expect(throws: RuntimeError.self) { try store.write([file(path, "x")], pod: "p", name: "config") }
        #expect(FileManager.default.fileExists(atPath: directory.path + "/run/volumes/p/a") == false)
    }

    @Test func subPathsAreMadeWithoutFollowingLinks() throws {
        let path = try store.directory(pod: "p", name: "data")
        try store.makeSubPath("one/two", in: path)
        #expect(try mode(path + "/one/two") == 0o755)
        try FileManager.default.createSymbolicLink(atPath: path + "/out", withDestinationPath: directory.path)
        try store.makeSubPath("out/made", in: path)
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/made"))
        #expect(throws: RuntimeError.self) { try store.makeSubPath("../made", in: path) }
    }

    @Test func hostPathsAreChecked() throws {
        let made = directory.path + "/new/directory"
        try HostPath.prepare(made, type: "DirectoryOrCreate")
        try HostPath.prepare(made, type: "Directory")
        try HostPath.prepare(directory.path + "/new/file", type: "FileOrCreate")
        try HostPath.prepare(directory.path + "/new/file", type: "File")
        try HostPath.prepare("/dev/null", type: "CharDevice")
        try HostPath.prepare(directory.path + "/nothing", type: "")
        for (path, type, words) in [
            (made, "File", "a file"), ("/dev/null", "Directory", "a directory"), (made, "Socket", "a socket file"),
            (directory.path + "/nothing", "Directory", "a directory"), (made, "BlockDevice", "a block device"),
        ] {
            let error = #expect(throws: RuntimeError.self) { try HostPath.prepare(path, type: type) }
            #expect(error?.message == "hostPath type check failed: \(path) is not \(words)")
        }
    }

    @Test func removesEverythingOfAPod() throws {
        _ = try store.directory(pod: "p", name: "cache")
        try store.write([file("a", "1")], pod: "p", name: "config")
        _ = try store.directory(pod: "q", name: "cache")
        #expect(store.pods() == ["p", "q"])
        try store.removeAll(pod: "p")
        try store.removeAll(pod: "p")
        #expect(store.pods() == ["q"])
    }
}

struct VolumeStorePrivilegedTests {
    @Test(.enabled(if: isRoot, "mounting needs root")) func memoryIsATmpfsOfItsSize() throws {
        let directory = try TemporaryDirectory()
        let store = VolumeStore(dataDirectory: directory.path + "/data", runDirectory: directory.path + "/run")
        let path = try store.memory(pod: "p", name: "fast", sizeLimit: 1 << 20)
        defer { try? store.removeAll(pod: "p") }
        let facts = try FileManager.default.attributesOfFileSystem(forPath: path)
        #expect((facts[.systemSize] as? NSNumber)?.int64Value == 1 << 20)
        try "x".write(toFile: path + "/kept", atomically: false, encoding: .utf8)
        // Found again, not mounted over.
        #expect(try store.memory(pod: "p", name: "fast", sizeLimit: 1 << 20) == path)
        #expect(FileManager.default.fileExists(atPath: path + "/kept"))
        try store.removeAll(pod: "p")
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(!(try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)).contains(path))
    }
}
