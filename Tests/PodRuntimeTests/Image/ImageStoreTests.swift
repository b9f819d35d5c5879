import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

/// Where the package's programs are built: beside the tests' bundle, in the folder of this configuration.
func builtProgram(_ name: String) -> String {
    if let directory = ProcessInfo.processInfo.environment["MINIKUBE_LITE_BIN"] { return directory + "/" + name }
    var root = URL(fileURLWithPath: #filePath)
    while !FileManager.default.fileExists(atPath: root.appendingPathComponent("Package.swift").path), root.path != "/" {
        root.deleteLastPathComponent()
    }
    return root.appendingPathComponent(".build/debug/\(name)").path
}

@Suite(.enabled(if: isRoot, "needs root: the unpack helper makes namespaces"))
struct ImageStorePrivilegedTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    func store() throws -> ImageStore {
        try ImageStore(directory: directory.path + "/images", unpackerExecutable: builtProgram("image-unpacker"))
    }

    func file(_ path: String) -> String { directory.path + "/" + path }

    /// Everything below the store, for "nothing is left".
    func contents(of folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file("images/" + folder))
    }

    func run(_ program: String, _ arguments: [String]) throws {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test func aDirectoryKeepsOwnersModesLinksAndAttributes() async throws {
        try directory.write("root/bin/tool", "#!/bin/sh\n")
        try directory.write("root/etc/passwd", "root:x:0:0::/:/bin/sh\n")
        let long = "root/" + String(repeating: "a-rather-long-name/", count: 9) + "ü"
        try directory.write(long, "deep")
        chmod(file("root/bin/tool"), 0o4755)
        chown(file("root/etc/passwd"), 1234, 5678)
        chown(file(long), 3_000_000, 4_000_000)
        link(file("root/bin/tool"), file("root/bin/same"))
        symlink("/bin/tool", file("root/absolute"))
        mkfifo(file("root/fifo"), 0o600)
        chmod(file("root/etc"), 0o700)
        let store = try store()
        let info = try await store.import(name: "app", path: file("root"))
        #expect(info.references == ["app:latest"])
        let image = try #require(try await store.image("docker.io/library/app"))
        let layers = store.layers(of: image)
        #expect(layers.count == 1)
        func facts(_ path: String) throws -> stat { try FileAccess.status(layers[0] + "/" + path) }
        #expect(try facts("bin/tool").st_mode & 0o7777 == 0o4755)
        #expect(try facts("bin/tool").st_ino == facts("bin/same").st_ino)
        #expect(try facts("etc/passwd").st_uid == 1234 && facts("etc/passwd").st_gid == 5678)
        #expect(try facts(String(long.dropFirst(5))).st_uid == 3_000_000)
        #expect(try facts("etc").st_mode & 0o7777 == 0o700)
        #expect(try FileAccess.linkTarget(layers[0] + "/absolute") == "/bin/tool")
        #expect(FileAccess.kind(layers[0] + "/fifo") == .fifo)
        // The same tree is the same image.
        let again = try await store.import(name: "other:1", path: file("root"))
        #expect(again.digest == info.digest)
        #expect(again.references == ["app:latest", "other:1"])
        #expect(try contents(of: "layers").count == 1)
        #expect(try contents(of: "ingest").isEmpty)
    }

    @Test func aBundleBringsItsConfiguration() async throws {
        try directory.write("bundle/rootfs/hello", "hi")
        try directory.write(
            "bundle/image.json",
            #"{"entrypoint": ["/hello"], "env": ["A=b"], "user": "10:20", "stopSignal": "SIGQUIT"}"#)
        let info = try await store().import(name: "nginx", path: file("bundle"))
        #expect(info.configuration.entrypoint == ["/hello"])
        #expect(info.configuration.env == ["A=b"])
        #expect(info.configuration.stopSignal == "SIGQUIT")
        #expect(info.configuration.user == "10:20")
    }

    @Test(arguments: [
        (#"{"entrypoint": "x"}"#, "\"entrypoint\" has the wrong type"), (#"{"entry": []}"#, "unknown field \"entry\""),
        ("{", "not valid JSON"),
    ])
    func aWrongConfigurationNamesItsField(text: String, reason: String) async throws {
        try directory.write("bundle/rootfs/hello", "hi")
        try directory.write("bundle/image.json", text)
        let store = try store()
        let error = await #expect(throws: RuntimeError.self) { try await store.import(name: "a", path: file("bundle")) }
        #expect(error?.message.contains(reason) == true)
        #expect(try await store.list().isEmpty)
    }

    @Test(arguments: ["tar", "tar.gz"])
    func anArchiveIsUnpacked(kind: String) async throws {
        try directory.write("root/etc/motd", "hello")
        try run("/bin/tar", ["-C", file("root"), kind == "tar" ? "-cf" : "-czf", file("a." + kind), "."])
        let store = try store()
        try await store.import(name: "a", path: file("a." + kind), configuration: ImageConfiguration(cmd: ["/x"]))
        let image = try #require(try await store.image("a"))
        #expect(image.info.configuration.cmd == ["/x"])
        #expect(try String(contentsOfFile: store.layers(of: image)[0] + "/etc/motd", encoding: .utf8) == "hello")
        if kind == "tar" {
            // The digest is that of the archive as it is.
            let sum = Foundation.Process()
            let pipe = Foundation.Pipe()
            sum.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
            sum.arguments = [file("a.tar")]
            sum.standardOutput = pipe
            try sum.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(image.diffIDs == ["sha256:" + text.prefix(64)])
        }
    }

    /// One entry of a tar archive, by hand: what no tool writes by itself.
    func archive(_ entries: [(name: String, type: UInt8, link: String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            var block = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ offset: Int) { for (i, b) in text.utf8.enumerated() { block[offset + i] = b } }
            put(entry.name, 0)
            put("0000644\0" + "0000000\0" + "0000000\0" + "00000000000\0" + "00000000000\0" + "        ", 100)
            block[156] = entry.type
            put(entry.link, 157)
            put("ustar\0" + "00", 257)
            if entry.type == UInt8(ascii: "3") || entry.type == UInt8(ascii: "4") {
                put("0000001\0" + "0000003\0", 329)
            }
            put(String(block.reduce(0) { $0 + Int($1) }, radix: 8).leftPadded(6) + "\0 ", 148)
            bytes += block
        }
        return bytes + [UInt8](repeating: 0, count: 1024)
    }

    @Test(arguments: [
        ("/etc/evil", "0", "", "entry \"/etc/evil\": an absolute path is not allowed"),
        ("a/../../evil", "0", "", "entry \"a/../../evil\": the path leaves the root"),
        ("a/l", "2", "../../etc", "entry \"a/l\": the symbolic link to \"../../etc\" leaves the root"),
        ("h", "1", "/etc/passwd", "entry \"h\": the hard link to \"/etc/passwd\" leaves the root"),
        ("h", "1", "../x", "entry \"h\": the hard link to \"../x\" leaves the root"),
        ("dev/null", "3", "", "entry \"dev/null\": device nodes are not allowed in images"),
    ])
    func aHostileArchiveIsRefusedByTheEntrysName(name: String, type: String, link: String, reason: String) async throws
    {
        let entry = (name: name, type: type.utf8.first ?? 0, link: link)
        try Data(archive([(name: "fine", type: 48, link: ""), entry])).write(to: URL(fileURLWithPath: file("x.tar")))
        let store = try store()
        let error = await #expect(throws: RuntimeError.self) { try await store.import(name: "x", path: file("x.tar")) }
        #expect(error?.message == "cannot unpack: " + reason)
        for folder in ["layers", "ingest", "blobs/sha256"] { #expect(try contents(of: folder).isEmpty) }
        #expect(try await store.resolve("x") == nil)
    }

    @Test func aLinkOfTheArchiveIsNotWrittenThrough() async throws {
        let target = file("outside")
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        try Data(archive([(name: "d", type: 50, link: target), (name: "d/evil", type: 48, link: "")]))
            .write(to: URL(fileURLWithPath: file("x.tar")))
        _ = try? await store().import(name: "x", path: file("x.tar"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).isEmpty)
    }

    @Test func devicesAreSkippedWhereAskedFor() async throws {
        try Data(archive([(name: "dev/null", type: 51, link: ""), (name: "a", type: 48, link: "")]))
            .write(to: URL(fileURLWithPath: file("x.tar")))
        let store = try store()
        try await store.import(name: "x", path: file("x.tar"), skipDevices: true)
        let image = try #require(try await store.image("x"))
        #expect(FileAccess.kind(store.layers(of: image)[0] + "/a") == .file)
        #expect(FileAccess.kind(store.layers(of: image)[0] + "/dev/null") == nil)
    }

    @Test func whiteoutsTakeOverlaysForm() async throws {
        try Data(
            archive([
                (name: "d/", type: 53, link: ""), (name: "d/.wh.gone", type: 48, link: ""),
                (name: "d/.wh..wh..opq", type: 48, link: ""),
            ])
        )
        .write(to: URL(fileURLWithPath: file("x.tar")))
        let store = try store()
        try await store.import(name: "x", path: file("x.tar"))
        let layer = store.layers(of: try #require(try await store.image("x")))[0]
        #expect(FileAccess.kind(layer + "/d/gone") == .characterDevice)
        #expect(try FileAccess.status(layer + "/d/gone").st_rdev == 0)
        #expect(try ExtendedAttributes.value(layer + "/d", "trusted.overlay.opaque") == [UInt8(ascii: "y")])
    }

    @Test func aBrokenArchiveAndAMissingFileAreRefused() async throws {
        try directory.write("x.tar", String(repeating: "no archive ", count: 1000))
        let store = try store()
        let broken = await #expect(throws: RuntimeError.self) { try await store.import(name: "x", path: file("x.tar")) }
        #expect(broken?.message.contains("cannot unpack: cannot read the archive") == true)
        let missing = await #expect(throws: RuntimeError.self) { try await store.import(name: "x", path: file("none")) }
        #expect(missing?.message == "cannot import \(file("none")): no such file or directory")
    }

    @Test func aLayoutIsImportedWithItsLayers() async throws {
        // Our own store is a layout but for the layers' archives: put one together from parts.
        try directory.write("one/etc/a", "1")
        try directory.write("two/etc/b", "2")
        let store = try store()
        var layers: [OCI.Descriptor] = []
        try FileManager.default.createDirectory(atPath: file("layout/blobs/sha256"), withIntermediateDirectories: true)
        func blob(_ bytes: [UInt8], _ type: String) throws -> OCI.Descriptor {
            try Data(bytes).write(to: URL(fileURLWithPath: file("blob")))
            let sum = Foundation.Process()
            let pipe = Foundation.Pipe()
            sum.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
            sum.arguments = [file("blob")]
            sum.standardOutput = pipe
            try sum.run()
            let name = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).prefix(64)
            try Data(bytes).write(to: URL(fileURLWithPath: file("layout/blobs/sha256/\(name)")))
            return OCI.Descriptor(mediaType: type, digest: "sha256:\(name)", size: Int64(bytes.count))
        }
        for name in ["one", "two"] {
            try run("/bin/tar", ["-C", file(name), "-cf", file(name + ".tar"), "."])
            layers.append(
                try blob(Array(try Data(contentsOf: URL(fileURLWithPath: file(name + ".tar")))), OCI.MediaType.layer))
        }
        let config = try blob(
            OCI.encode(
                OCI.Config(
                    architecture: OCI.architecture, os: "linux",
                    config: OCI.Config.Execution(Cmd: ["/run"]),
                    rootfs: OCI.Config.RootFS(diff_ids: layers.map(\.digest)))),
            OCI.MediaType.config)
        var manifest = try blob(OCI.encode(OCI.Manifest(config: config, layers: layers)), OCI.MediaType.manifest)
        manifest.annotations = [OCI.referenceName: "latest"]
        try Data(OCI.encode(OCI.Index(manifests: [manifest]))).write(
            to: URL(fileURLWithPath: file("layout/index.json")))
        try directory.write("layout/oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
        try run("/bin/tar", ["-C", file("layout"), "-cf", file("layout.tar"), "."])

        for path in ["layout", "layout.tar"] {
            try await store.import(name: "multi", path: file(path))
            let image = try #require(try await store.image("multi"))
            let paths = store.layers(of: image)
            #expect(paths.count == 2)
            #expect(image.info.configuration.cmd == ["/run"])
            #expect(image.info.id == config.digest)
            // Top first.
            #expect(FileAccess.kind(paths[0] + "/etc/b") == .file && FileAccess.kind(paths[1] + "/etc/a") == .file)
        }
        // A layer that does not match its digest.
        try directory.write("layout/blobs/sha256/" + layers[0].digest.dropFirst(7), "")
        let error = await #expect(throws: RuntimeError.self) {
            try await store.import(name: "bad", path: file("layout"))
        }
        #expect(error?.message.contains("not to its diff id") == true)
    }

    @Test func removingANameKeepsWhatOthersNeed() async throws {
        try directory.write("a/x", "1")
        try directory.write("b/x", "2")
        let store = try store()
        try await store.import(name: "a", path: file("a"))
        try await store.import(name: "a2", path: file("a"))
        try await store.import(name: "b", path: file("b"))
        #expect(try await store.remove("a"))
        #expect(try await store.list().map(\.references) == [["a2:latest"], ["b:latest"]])
        let leased = try #require(try await store.image("b"))
        try store.lease(leased.info, to: "pod")
        #expect(try await store.remove("b"))
        #expect(try await store.resolve("b") == nil)
        #expect(FileAccess.kind(store.layers(of: leased)[0]) == .directory)
        try store.sweep(keeping: ["pod"])
        #expect(FileAccess.kind(store.layers(of: leased)[0]) == .directory)
        try store.endLeases(of: "pod")
        #expect(FileAccess.kind(store.layers(of: leased)[0]) == nil)
        #expect(throws: RuntimeError.self) { try store.lease(leased.info, to: "late") }
        #expect(throws: RuntimeError.self) { try store.layers(of: leased.info) }
        #expect(try await !store.remove("b"))
        #expect(try contents(of: "layers").count == 1)
        #expect(try contents(of: "blobs/sha256").count == 2)
    }

    @Test func anotherProcessChangesAreSeen() async throws {
        try directory.write("a/x", "1")
        let first = try store()
        let second = try store()
        #expect(try await second.resolve("a") == nil)
        try await first.import(name: "a", path: file("a"))
        #expect(try await second.resolve("a") != nil)
    }

    @Test func whatAKilledImportLeftIsSweptAndOneThatRunsIsNot() async throws {
        let store = try store()
        try directory.write("images/ingest/dead/0/half", "")
        try directory.write("images/ingest/dead.lock", "")
        let alive = try Ingest(below: file("images/ingest"))
        try store.sweep(keeping: [])
        #expect(FileAccess.kind(alive.path) == .directory)
        #expect(try contents(of: "ingest").count == 2)
        try alive.remove()
        #expect(try contents(of: "ingest").isEmpty)
    }
}

extension String {
    fileprivate func leftPadded(_ count: Int) -> String {
        String(repeating: "0", count: Swift.max(0, count - self.count)) + self
    }
}
