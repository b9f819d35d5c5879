import Crypto
import Foundation
import Glibc
import LinuxKernel

extension ImageStore {
    /// Imports an image under a name; one that had the name before loses it.
    ///
    /// `path` is one of
    /// - a directory that holds a directory `rootfs` and an `image.json`: the root file system and its configuration;
    /// - any other directory: the root file system itself;
    /// - an OCI image layout (`oci-layout`, `index.json`, `blobs/`), as a directory or in a tar archive;
    /// - a tar archive of a root file system, compressed or not.
    ///
    /// - Parameters:
    ///   - configuration: takes the place of what the source says.
    ///   - skipDevices: leave device nodes of an archive out instead of refusing it.
    ///   - deadline: for all of it.
    /// - Throws: `RuntimeError` that names the archive's entry or the file; nothing is left in the store then.
    @discardableResult
    public func `import`(
        name: String, path: String, configuration: ImageConfiguration? = nil, skipDevices: Bool = false,
        deadline: Duration = .seconds(600)
    ) async throws -> ImageInfo {
        let reference = try ImageReference(name)
        guard reference.digest == nil else {
            throw RuntimeError(
                .configuration, step: "image import", object: name,
                message: "an image is imported under a name and a tag, not under a digest")
        }
        try await blocking(deadline: deadline) {
            let job = ImportJob(
                store: self, devices: skipDevices ? .skip : .refuse,
                end: Monotonic.nanoseconds() + deadline.nanoseconds, configuration: configuration)
            do {
                try job.run(reference: reference, path: path)
            } catch let error as SystemError {
                throw RuntimeError(
                    error.errno == ETIMEDOUT ? .timeout : .create, step: "image import", object: error.object,
                    errno: error.errno, message: "cannot import \(path): \(error)")
            }
        }
        guard let image = try await resolve(reference.description) else {
            throw RuntimeError(
                .imageNotFound, step: "image import", object: name,
                message: "image \(reference.familiar) was removed while it was imported")
        }
        return image
    }
}

/// One import, on a thread of the store.
private struct ImportJob {
    let store: ImageStore
    let devices: LayerUnpacker.Devices
    let end: Int64
    let configuration: ImageConfiguration?

    /// A layer that is unpacked in the ingest directory.
    private struct Layer {
        var diffID: String
        var size: Int64
        var path: String
    }

    func run(reference: ImageReference, path: String) throws {
        let source: String
        do throws(SystemError) { source = try canonical(path) } catch {
            throw RuntimeError(
                .create, step: "image import", object: path, errno: error.errno,
                message: "cannot import \(path): \(error.reason)")
        }
        let ingest = try Ingest(below: store.directory + "/ingest")
        // Also after success: what became part of the store was moved out.
        defer { try? ingest.remove() }
        switch FileAccess.kind(source) {
        case .directory where FileAccess.kind(source + "/oci-layout") == .file:
            try importLayout(source, ingest: ingest, reference: reference)
        case .directory:
            try importDirectory(source, ingest: ingest, reference: reference)
        case .file:
            try importArchive(source, ingest: ingest, reference: reference)
        default:
            throw RuntimeError(
                .configuration, step: "image import", object: path,
                message: "\(path) is neither a directory nor a tar archive")
        }
    }

    /// Links in the name that the user gave are followed, those inside are not.
    private func canonical(_ path: String) throws(SystemError) -> String {
        guard let resolved = realpath(path, nil) else { throw SystemError(call: "open", object: path, errno: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func importDirectory(_ source: String, ingest: Ingest, reference: ImageReference) throws {
        let isBundle =
            FileAccess.kind(source + "/rootfs") == .directory && FileAccess.kind(source + "/image.json") == .file
        let root = isBundle ? source + "/rootfs" : source
        guard try isBundle || !FileAccess.list(root).isEmpty else {
            throw RuntimeError(
                .configuration, step: "image import", object: source, message: "the directory \(source) is empty")
        }
        var configuration = configuration
        if isBundle, configuration == nil {
            let file = source + "/image.json"
            configuration = try ImageConfiguration.parse(try FileAccess.read(file, limit: 1 << 20), path: file)
        }
        var newest: Int64 = 0
        let layer = try unpack(ingest: ingest, number: 0) { send in
            var writer = TarWriter(emit: send)
            try writer.write(tree: root)
            newest = writer.newest
        }
        try commit(
            [layer], configuration: configuration ?? ImageConfiguration(), created: newest, reference: reference)
    }

    private func importArchive(_ source: String, ingest: Ingest, reference: ImageReference) throws {
        let layer = try unpackFile(source, ingest: ingest, number: 0)
        if FileAccess.kind(layer.path + "/oci-layout") == .file, FileAccess.kind(layer.path + "/index.json") == .file {
            try importLayout(layer.path, ingest: ingest, reference: reference)
            return
        }
        let time = Int64(try FileAccess.status(source).st_mtim.tv_sec)
        try commit(
            [layer], configuration: configuration ?? ImageConfiguration(), created: time, reference: reference)
    }

    // MARK: Layers

    private func unpackFile(_ path: String, ingest: Ingest, number: Int) throws -> Layer {
        try unpackFile(try FileAccess.open(path, O_RDONLY), ingest: ingest, number: number)
    }

    private func unpackFile(_ file: FileDescriptor, ingest: Ingest, number: Int) throws -> Layer {
        try unpack(ingest: ingest, number: number) { send in
            try store.unpacker.decompress(file, end: end, send)
        }
    }

    /// Unpacks what `feed` sends and takes its digest on the way.
    private func unpack(
        ingest: Ingest, number: Int, _ feed: (@escaping ([UInt8]) throws -> Void) throws -> Void
    ) throws -> Layer {
        let path = "\(ingest.path)/\(number)"
        try FileAccess.makeDirectory(path, mode: 0o755, exclusive: true)
        var hash = SHA256()
        var size: Int64 = 0
        try store.unpacker.unpack(into: path, devices: devices, end: end) { send in
            try withoutActuallyEscaping(send) { send in
                // TarWriter asks for many small pieces; the helper is fed large ones.
                var pending: [UInt8] = []
                try feed { bytes in
                    hash.update(data: bytes)
                    size += Int64(bytes.count)
                    pending += bytes
                    if pending.count >= 128 << 10 {
                        try send(pending)
                        pending.removeAll(keepingCapacity: true)
                    }
                }
                try send(pending)
            }
        }
        return Layer(diffID: Self.digest(hash), size: size, path: path)
    }

    private static func digest(_ hash: SHA256) -> String {
        "sha256:" + hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func digest(of bytes: [UInt8]) -> String {
        var hash = SHA256()
        hash.update(data: bytes)
        return digest(hash)
    }

    // MARK: OCI layouts

    /// Reads a file of a layout without following links, and checks its digest.
    private func blob(_ descriptor: OCI.Descriptor, in layout: FileDescriptor) throws -> FileDescriptor {
        guard descriptor.digest.hasPrefix("sha256:"), !descriptor.digest.contains("/") else {
            throw invalidLayout("digest \"\(descriptor.digest)\" is not supported")
        }
        let path = "blobs/sha256/\(descriptor.digest.dropFirst(7))"
        do { return try layout.open(.beneathWithoutLinks, path, O_RDONLY) } catch {
            throw invalidLayout("\(path): \(error)")
        }
    }

    private func document(_ descriptor: OCI.Descriptor, in layout: FileDescriptor) throws -> [UInt8] {
        let bytes = try FileAccess.read(try blob(descriptor, in: layout), limit: 16 << 20, object: descriptor.digest)
        guard Self.digest(of: bytes) == descriptor.digest else {
            throw invalidLayout("the content of \(descriptor.digest) has another digest")
        }
        return bytes
    }

    private func invalidLayout(_ reason: String) -> RuntimeError {
        RuntimeError(
            .create, step: "image import", object: "index.json", message: "not a valid OCI image layout: \(reason)")
    }

    private func importLayout(_ directory: String, ingest: Ingest, reference: ImageReference) throws {
        let layout = try FileAccess.open(directory, O_RDONLY | O_DIRECTORY)
        let indexFile = try layout.open(.beneathWithoutLinks, "index.json", O_RDONLY)
        do {
            let index = try OCI.decode(
                OCI.Index.self, try FileAccess.read(indexFile, limit: 16 << 20, object: "index.json"))
            let descriptor = try choose(index, in: layout, reference: reference)
            let manifest = try OCI.decode(OCI.Manifest.self, try document(descriptor, in: layout))
            let configBytes = try document(manifest.config, in: layout)
            let config = try OCI.decode(OCI.Config.self, configBytes)
            guard config.rootfs.diff_ids.count == manifest.layers.count else {
                throw invalidLayout("\(manifest.layers.count) layers, but \(config.rootfs.diff_ids.count) diff ids")
            }
            var layers: [Layer] = []
            for (number, descriptor) in manifest.layers.enumerated() {
                let layer = try unpackFile(try blob(descriptor, in: layout), ingest: ingest, number: number + 1)
                guard layer.diffID == config.rootfs.diff_ids[number] else {
                    throw invalidLayout("layer \(descriptor.digest) unpacks to \(layer.diffID), not to its diff id")
                }
                layers.append(layer)
            }
            if let configuration {
                var changed = config
                changed.config = configuration.execution
                try commit(layers, config: try OCI.encode(changed), reference: reference)
            } else {
                try commit(layers, config: configBytes, reference: reference)
            }
        } catch let error as DecodingError {
            throw invalidLayout("\(error)")
        }
    }

    /// The manifest for this machine: nested indexes are followed, and of several the one with our tag is taken.
    private func choose(
        _ index: OCI.Index, in layout: FileDescriptor, reference: ImageReference, depth: Int = 0
    ) throws -> OCI.Descriptor {
        guard depth < 4 else { throw invalidLayout("indexes are nested too deeply") }
        var candidates = index.manifests.filter {
            $0.platform.map { $0.os == "linux" && $0.architecture == OCI.architecture } ?? true
        }
        let tagged = candidates.filter {
            let name = $0.annotations?[OCI.referenceName]
            return name != nil && (name == reference.tag || name == reference.description || name == reference.familiar)
        }
        if candidates.count > 1, !tagged.isEmpty { candidates = tagged }
        guard candidates.count == 1, let only = candidates.first else {
            throw invalidLayout(
                candidates.isEmpty
                    ? "no image for linux/\(OCI.architecture) in it"
                    : "\(candidates.count) images in it, none of them tagged \(reference.tag ?? "")")
        }
        if only.mediaType == OCI.MediaType.index || only.mediaType.hasSuffix("manifest.list.v2+json") {
            let nested = try OCI.decode(OCI.Index.self, try document(only, in: layout))
            return try choose(nested, in: layout, reference: reference, depth: depth + 1)
        }
        return only
    }

    // MARK: Commit

    private func commit(
        _ layers: [Layer], configuration: ImageConfiguration, created: Int64, reference: ImageReference
    ) throws {
        let config = OCI.Config(
            created: Date(timeIntervalSince1970: TimeInterval(created)).formatted(.iso8601),
            architecture: OCI.architecture, os: "linux", config: configuration.execution,
            rootfs: OCI.Config.RootFS(diff_ids: layers.map(\.diffID)))
        try commit(layers, config: try OCI.encode(config), reference: reference)
    }

    /// Moves the layers to their place, writes configuration and manifest, and gives the image its name: in this order, so
    /// that a name never leads to something that is not there yet.
    private func commit(_ layers: [Layer], config: [UInt8], reference: ImageReference) throws {
        let manifest = try OCI.encode(
            OCI.Manifest(
                config: OCI.Descriptor(
                    mediaType: OCI.MediaType.config, digest: Self.digest(of: config), size: Int64(config.count)),
                layers: layers.map {
                    OCI.Descriptor(mediaType: OCI.MediaType.layer, digest: $0.diffID, size: $0.size)
                }))
        try store.locked {
            for layer in layers {
                let place = store.layerPath(layer.diffID)
                if FileAccess.kind(place) == nil { try FileAccess.rename(layer.path, place) }
            }
            try FileDescriptor.open(store.directory + "/layers", O_RDONLY | O_DIRECTORY).synchronize()
            for bytes in [config, manifest] {
                try FileAccess.replace(store.blobPath(Self.digest(of: bytes)), with: bytes, mode: 0o644)
            }
            var index = try store.readIndex()
            let name = reference.description
            index.manifests.removeAll { $0.annotations?[OCI.referenceName] == name }
            index.manifests.append(
                OCI.Descriptor(
                    mediaType: OCI.MediaType.manifest, digest: Self.digest(of: manifest), size: Int64(manifest.count),
                    annotations: [OCI.referenceName: name]))
            try store.writeIndex(index)
        }
    }
}
