import Foundation
import Glibc
import LinuxKernel
import Synchronization

/// The node's images, on disk in the shape of an OCI image layout.
///
/// ```
/// index.json                 names, each with the digest of its manifest
/// blobs/sha256/<hex>         manifests and configurations, by digest
/// layers/<hex>/              unpacked layers, by the digest of their uncompressed tar (diff id)
/// leases/<sandbox>/<hex>     manifests that a sandbox runs from: kept as long as the lease is there
/// ingest/<random>/           what is being unpacked; swept away when the process that did it is gone
/// lock                       held by whoever changes something
/// ```
/// The layers' archives themselves are not kept. Several processes may use a store at once: every change is made under the
/// lock and becomes visible by one rename of `index.json`; a kill at any instant leaves the old or the new state and at most
/// files that the next sweep removes.
public final class ImageStore: LayerProvider {
    public let directory: String
    let unpacker: LayerUnpacker
    private let workers: BlockingPool
    private let cache = Mutex<Cache>(Cache())

    /// An image with what is needed to mount it.
    public struct Image: Sendable, Hashable {
        public var info: ImageInfo
        /// Digests of the unpacked layers, lowest first.
        public var diffIDs: [String]
        /// `created` and the rest of the platform are in `info`; the manifest's digest names it.
        var manifest: OCI.Manifest
    }

    private struct Cache {
        var stamp: Stamp?
        /// By full name.
        var images: [String: Image] = [:]
    }

    /// Tells one version of `index.json` from another: it is always replaced, never written in place.
    private struct Stamp: Hashable {
        var inode: UInt64
        var seconds: Int
        var nanoseconds: Int
    }

    /// - Parameters:
    ///   - directory: `<data directory>/images`; made where it is missing.
    ///   - unpackerExecutable: the jailed helper.
    public init(directory: String, unpackerExecutable: String) throws {
        self.directory = directory
        unpacker = LayerUnpacker(executable: unpackerExecutable)
        workers = BlockingPool(name: "images", threads: 2)
        do throws(SystemError) {
            for name in ["", "/blobs", "/blobs/sha256", "/layers", "/leases", "/ingest"] {
                try FileAccess.makeDirectories(directory + name, mode: 0o700)
            }
            // image-layout.md: the mark of a layout, by which other tools know one.
            let mark = directory + "/oci-layout"
            if FileAccess.kind(mark) == nil {
                try FileAccess.replace(mark, with: Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8), mode: 0o644)
            }
        } catch {
            throw RuntimeError(
                .create, step: "image store", object: directory, errno: error.errno,
                message: "cannot open the image store: \(error)")
        }
    }

    public var location: String { "the image store \(directory)" }

    // MARK: Reading

    public func resolve(_ reference: String) async throws -> ImageInfo? { try await image(reference)?.info }

    /// An image by name, by digest of its manifest, or by ID (`sha256:...` of its configuration).
    public func image(_ reference: String) async throws -> Image? {
        let images = try await current()
        if reference.hasPrefix("sha256:") {
            return images.values.first { $0.info.id == reference || $0.info.digest == reference }
        }
        let wanted = try ImageReference(reference)
        if let digest = wanted.digest {
            return images.values.first { $0.info.digest == digest }
        }
        return images[wanted.description]
    }

    public func list() async throws -> [ImageInfo] {
        Set(try await current().values.map(\.info)).sorted { ($0.references.first ?? "") < ($1.references.first ?? "") }
    }

    /// Absolute paths of an image's unpacked layers, top first: the order of overlayfs' `lowerdir`.
    public func layers(of image: Image) -> [String] { image.diffIDs.reversed().map(layerPath) }

    /// Likewise, for what `resolve` or `list` answered.
    ///
    /// - Throws: `RuntimeError(.imageNotFound)` where a part of it is gone.
    public func layers(of info: ImageInfo) throws -> [String] {
        let known = cache.withLock { $0.images.values.first { $0.info.digest == info.digest } }
        let paths: [String]
        do { paths = layers(of: try known ?? loadImage(info.digest)) } catch {
            throw unreadable(blobPath(info.digest), error)
        }
        if let missing = paths.first(where: { FileAccess.kind($0) != .directory }) {
            throw RuntimeError(
                .imageNotFound, step: "image store", object: missing,
                message: "a layer of image \(info.references.first ?? info.id) is missing (\(missing)); import it again"
            )
        }
        return paths
    }

    func layerPath(_ digest: String) -> String { "\(directory)/layers/\(digest.dropFirst(7))" }

    func blobPath(_ digest: String) -> String { "\(directory)/blobs/sha256/\(digest.dropFirst(7))" }

    /// All images by full name. Costs one stat(2) where nothing has changed.
    private func current() async throws -> [String: Image] {
        let stamp = try stamp()
        if let images = cache.withLock({ $0.stamp == stamp && stamp != nil ? $0.images : nil }) { return images }
        return try await workers.run {
            let images = try self.load()
            self.cache.withLock { $0 = Cache(stamp: stamp, images: images) }
            return images
        }
    }

    private func stamp() throws -> Stamp? {
        do throws(SystemError) {
            let facts = try FileAccess.status(directory + "/index.json")
            return Stamp(
                inode: UInt64(facts.st_ino), seconds: facts.st_mtim.tv_sec, nanoseconds: facts.st_mtim.tv_nsec)
        } catch {
            if error.errno == ENOENT { return nil }
            throw unreadable(directory + "/index.json", error)
        }
    }

    func readIndex() throws -> OCI.Index {
        let path = directory + "/index.json"
        guard FileAccess.kind(path) != nil else { return OCI.Index() }
        do { return try OCI.decode(OCI.Index.self, try FileAccess.read(path)) } catch { throw unreadable(path, error) }
    }

    private func unreadable(_ path: String, _ error: any Error) -> RuntimeError {
        RuntimeError(
            .imageNotFound, step: "image store", object: path, errno: (error as? SystemError)?.errno ?? 0,
            message: "cannot read \(path): \(error)")
    }

    /// Images whose manifest or configuration cannot be read are left out: they are set aside, not deleted, and `problems`
    /// tells them.
    private func load() throws -> [String: Image] {
        var byDigest: [String: Image] = [:]
        var names: [String: [ImageReference]] = [:]
        for descriptor in try readIndex().manifests {
            guard let name = descriptor.annotations?[OCI.referenceName], let reference = try? ImageReference(name)
            else {
                continue
            }
            names[descriptor.digest, default: []].append(reference)
            if byDigest[descriptor.digest] == nil { byDigest[descriptor.digest] = try? loadImage(descriptor.digest) }
        }
        var images: [String: Image] = [:]
        for (digest, references) in names {
            guard var image = byDigest[digest] else { continue }
            image.info.references = references.map(\.familiar).sorted()
            for reference in references { images[reference.description] = image }
        }
        return images
    }

    private func loadImage(_ digest: String) throws -> Image {
        let manifest = try OCI.decode(OCI.Manifest.self, try FileAccess.read(blobPath(digest)))
        let config = try OCI.decode(OCI.Config.self, try FileAccess.read(blobPath(manifest.config.digest)))
        return Image(
            info: ImageInfo(
                references: [], id: manifest.config.digest, digest: digest,
                size: manifest.layers.reduce(0) { $0 + $1.size }, created: Self.nanoseconds(config.created),
                configuration: ImageConfiguration(config.config)),
            diffIDs: config.rootfs.diff_ids, manifest: manifest)
    }

    private static func nanoseconds(_ time: String?) -> Int64 {
        guard let time else { return 0 }
        let parsed =
            (try? Date(time, strategy: .iso8601))
            ?? (try? Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        return parsed.map { Int64($0.timeIntervalSince1970 * 1e9) } ?? 0
    }

    /// What is wrong in the store, in words: for `doctor` and the invariant checker.
    public func problems() async throws -> [String] {
        try await workers.run {
            var problems: [String] = []
            for descriptor in try self.readIndex().manifests {
                let name = descriptor.annotations?[OCI.referenceName] ?? descriptor.digest
                do {
                    for digest in try self.loadImage(descriptor.digest).diffIDs
                    where FileAccess.kind(self.layerPath(digest)) != .directory {
                        problems.append("image \(name): layer \(digest) is missing; import it again")
                    }
                } catch {
                    problems.append("image \(name): \(error)")
                }
            }
            return problems
        }
    }

    // MARK: Changing

    /// Runs `body` on a thread of the store.
    func blocking<T: Sendable>(
        deadline: Duration = .seconds(60), _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await workers.run(deadline: deadline, body)
    }

    /// Runs `body` while no other process changes the store.
    func locked<T>(_ body: () throws -> T) throws -> T {
        let lock = try FileAccess.open(directory + "/lock", O_RDWR | O_CREAT)
        try lock.lock()
        return try withExtendedLifetime(lock) { try body() }
    }

    func writeIndex(_ index: OCI.Index) throws {
        try FileAccess.replace(directory + "/index.json", with: try OCI.encode(index), mode: 0o644)
    }

    /// Removes a name, and what nothing else needs. An image that is in use by a lease keeps its content until that ends.
    ///
    /// - Returns: false where there is no such name.
    @discardableResult
    public func remove(_ reference: String) async throws -> Bool {
        let image = try await image(reference)
        guard let image else { return false }
        let names: Set<String>
        if try reference.hasPrefix("sha256:") || ImageReference(reference).digest != nil {
            names = Set(try image.info.references.map { try ImageReference($0).description })
        } else {
            names = [try ImageReference(reference).description]
        }
        return try await blocking {
            let (removed, trash) = try self.locked { () throws -> (Bool, [Ingest]) in
                var index = try self.readIndex()
                let before = index.manifests.count
                index.manifests.removeAll { names.contains($0.annotations?[OCI.referenceName] ?? "") }
                guard index.manifests.count < before else { return (false, []) }
                try self.writeIndex(index)
                return (true, try self.collectUnused())
            }
            for layer in trash { try layer.remove() }
            return removed
        }
    }

    /// Keeps an image's content while a sandbox runs from it, whatever happens to its name. Blocks for a moment.
    ///
    /// - Throws: `RuntimeError(.imageNotFound)` where the image was removed just before.
    public func lease(_ image: ImageInfo, to sandbox: String) throws {
        let folder = leases(of: sandbox)
        let file = "\(folder)/\(image.digest.dropFirst(7))"
        if FileAccess.exists(file) { return }
        try locked {
            guard FileAccess.exists(blobPath(image.digest)) else {
                throw RuntimeError(
                    .imageNotFound, step: "image store", object: image.digest,
                    message: "image \(image.references.first ?? image.id) was removed from \(location)")
            }
            try FileAccess.makeDirectory(folder, mode: 0o700)
            _ = try FileAccess.open(file, O_WRONLY | O_CREAT)
        }
    }

    /// Ends a sandbox's leases, and removes what is left without a name by that. Blocks.
    public func endLeases(of sandbox: String) throws {
        let folder = leases(of: sandbox)
        guard FileAccess.exists(folder) else { return }
        let trash = try locked { () throws -> [Ingest] in
            let ended = Set(try FileAccess.list(folder).map { "sha256:" + $0 })
            try FileAccess.removeTree(folder)
            return ended.isSubset(of: Set(try readIndex().manifests.map(\.digest))) ? [] : try collectUnused()
        }
        for layer in trash { try layer.remove() }
    }

    private func leases(of sandbox: String) -> String {
        "\(directory)/leases/" + sandbox.replacingOccurrences(of: "/", with: "_")
    }

    /// Ends the leases of all but some sandboxes, and removes what an import that was killed left behind and what nothing
    /// needs any more. Once at the agent's start. Blocks.
    public func sweep(keeping sandboxes: Set<String>) throws {
        let kept = Set(sandboxes.map(leases(of:)))
        let trash = try locked { () throws -> [Ingest] in
            for name in try FileAccess.list(directory + "/leases") {
                let folder = "\(directory)/leases/\(name)"
                if !kept.contains(folder) { try FileAccess.removeTree(folder) }
            }
            for name in try FileAccess.list(directory + "/ingest") {
                try Ingest.removeIfAbandoned("\(directory)/ingest/\(name)")
            }
            return try collectUnused()
        }
        for layer in trash { try layer.remove() }
    }

    /// Removes blobs that nothing needs, and moves such layers out of the way; they are removed without the lock. A layer that
    /// is half removed must not look like a whole one. Only under the lock.
    private func collectUnused() throws -> [Ingest] {
        var manifests = Set(try readIndex().manifests.map(\.digest))
        for sandbox in try FileAccess.list(directory + "/leases") {
            manifests.formUnion(try FileAccess.list("\(directory)/leases/\(sandbox)").map { "sha256:" + $0 })
        }
        var blobs = manifests
        var layers: Set<String> = []
        for digest in manifests {
            guard FileAccess.kind(blobPath(digest)) != nil else { continue }
            // With a manifest that cannot be read it is not known what is needed: nothing is removed then.
            let image = try loadImage(digest)
            blobs.insert(image.info.id)
            layers.formUnion(image.diffIDs)
        }
        for name in try FileAccess.list(directory + "/blobs/sha256") where !blobs.contains("sha256:" + name) {
            try FileAccess.remove("\(directory)/blobs/sha256/\(name)")
        }
        var trash: [Ingest] = []
        for name in try FileAccess.list(directory + "/layers") where !layers.contains("sha256:" + name) {
            let place = try Ingest(below: directory + "/ingest")
            try FileAccess.rename("\(directory)/layers/\(name)", place.path + "/layer")
            trash.append(place)
        }
        return trash
    }
}

/// A directory for work that may be cut short, with a lock that tells whether someone is still at it.
final class Ingest {
    let path: String
    private let lock: FileDescriptor

    init(below directory: String) throws {
        while true {
            let path = "\(directory)/\(UUID().uuidString.lowercased())"
            let lock = try FileAccess.open(path + ".lock", O_RDWR | O_CREAT | O_EXCL)
            try lock.lock()
            // A sweep may have come in between the two: it takes away only what is not locked.
            guard FileAccess.kind(path + ".lock") != nil else { continue }
            try FileAccess.makeDirectory(path, mode: 0o700, exclusive: true)
            self.path = path
            self.lock = lock
            return
        }
    }

    func remove() throws {
        try FileAccess.removeTree(path)
        try FileAccess.remove(path + ".lock")
    }

    /// For each file that stands in the ingest directory.
    static func removeIfAbandoned(_ path: String) throws {
        guard path.hasSuffix(".lock") else {
            if FileAccess.kind(path + ".lock") == nil { try FileAccess.removeTree(path) }
            return
        }
        let lock = try FileAccess.open(path, O_RDWR)
        guard try lock.tryLock() else { return }
        try FileAccess.removeTree(String(path.dropLast(5)))
        try FileAccess.remove(path)
    }
}
