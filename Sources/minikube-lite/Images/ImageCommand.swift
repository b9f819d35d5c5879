import ArgumentParser
import Foundation
import KubernetesAPI
import PodRuntime

struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "The images of this node.",
        subcommands: [ImageImportCommand.self, ImageListCommand.self, ImageRemoveCommand.self])
}

/// The image store of an instance. The node need not run: store and node agree through the files.
struct ImageStoreOptions: ParsableArguments {
    @Option(help: "Folder of the instance, as given to \"up\".")
    var root: String?

    func withStore<Value>(_ body: (ImageStore) async throws -> Value) async throws -> Value {
        guard geteuid() == 0 else { throw CommandFailure("error: the image store is root's") }
        do {
            let store = try ImageStore(
                directory: "\(NodeLayout(root: root).data)/images",
                unpackerExecutable: try Companion.path(of: "image-unpacker"))
            return try await body(store)
        } catch let error as RuntimeError {
            throw CommandFailure(
                "error: \(error.message)", code: error.kind == .timeout ? .deadline : .failed)
        }
    }
}

struct ImageImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take a root file system into the store, under a name.",
        discussion: """
            PATH is a folder (a root file system, or one that has it in rootfs/ with its image.json beside it), an OCI \
            image layout, or a tar of either, compressed or not. Archives are unpacked by a jailed helper; one with \
            entries that lead out of the root is refused.
            """)

    @OptionGroup var store: ImageStoreOptions

    @Argument(help: "NAME:TAG, e.g. myapp:1.4.2.")
    var name: String

    @Argument(help: "The folder or archive.")
    var path: String

    @Option(help: "JSON with entrypoint, cmd, env, user, workingDir, stopSignal, labels, exposedPorts, each optional.")
    var config: String?

    @Option(help: "Seconds that it may take.")
    var timeout = 600

    mutating func run() async throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("error: the path \"\(path)\" does not exist")
        }
        let configuration = try config.map(ImageConfigurationFile.read)
        let (name, path, timeout) = (name, path, timeout)
        try await store.withStore { store in
            let image = try await store.import(
                name: name, path: path, configuration: configuration, deadline: .seconds(timeout))
            Console.line("\(name) imported (\(image.id.dropFirst(7).prefix(12)), \(ByteText.text(image.size)))")
        }
    }
}

struct ImageListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the images.", aliases: ["list"])

    enum Output: String, ExpressibleByArgument, CaseIterable { case json }

    @OptionGroup var store: ImageStoreOptions

    @Option(name: .shortAndLong, help: "json, for scripts.")
    var output: Output?

    mutating func run() async throws {
        let output = output
        try await store.withStore { store in
            let images = try await store.list()
            if output == .json {
                let items = images.map { image -> JSONValue in
                    [
                        "references": .array(image.references.map(JSONValue.string)), "id": .string(image.id),
                        "digest": .string(image.digest), "size": .integer(image.size),
                    ]
                }
                Console.line(PrettyJSON.text(.array(items)))
            } else {
                let rows = images.flatMap { image in
                    image.references.map { reference -> [String] in
                        let parts = Self.split(reference)
                        return [
                            parts.name, parts.tag, String(image.id.dropFirst(7).prefix(12)), ByteText.text(image.size),
                        ]
                    }
                }
                for line in TableText.lines([["REPOSITORY", "TAG", "IMAGE ID", "SIZE"]] + rows) { Console.line(line) }
            }
            for problem in try await store.problems() { Console.error("warning: \(problem)") }
        }
    }

    /// The tag is behind the last colon, unless that belongs to a registry's port.
    private static func split(_ reference: String) -> (name: String, tag: String) {
        guard let colon = reference.lastIndex(of: ":"), !reference[colon...].contains("/") else {
            return (reference, "<none>")
        }
        return (String(reference[..<colon]), String(reference[reference.index(after: colon)...]))
    }
}

struct ImageRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove images. What containers run from stays until they end.",
        aliases: ["remove"])

    @OptionGroup var store: ImageStoreOptions

    @Argument(help: "NAME:TAG, or sha256:... of an image.")
    var names: [String]

    mutating func run() async throws {
        let names = names
        try await store.withStore { store in
            var missing = false
            for name in names {
                if try await store.remove(name) {
                    Console.line("\(name) removed")
                } else {
                    Console.error("error: there is no image \(name) in \(store.location)")
                    missing = true
                }
            }
            if missing { throw CommandFailure("") }
        }
    }
}

/// An image's configuration from a file: the `config` object of the OCI image specification, alone or in the whole.
enum ImageConfigurationFile {
    static func read(_ path: String) throws -> ImageConfiguration {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("error: the file \"\(path)\" cannot be read")
        }
        do {
            return try ImageConfiguration.parse(Array(bytes), path: path)
        } catch let error as RuntimeError {
            throw CommandFailure("error: \(error.message)")
        }
    }
}

/// Sizes for people.
enum ByteText {
    static func text(_ bytes: Int64) -> String {
        let units: [(name: String, size: Int64)] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        guard let unit = units.first(where: { bytes >= $0.size }) else { return "\(bytes) B" }
        let tenths = bytes * 10 / unit.size
        return "\(tenths / 10).\(tenths % 10) \(unit.name)"
    }
}
