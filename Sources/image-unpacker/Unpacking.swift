import CArchive
import Glibc
import LinuxKernel

/// One layer: a tar archive from standard input into the root of the jail.
///
/// Everything here runs in the jail, so that a mistake in it, or in libarchive, cannot reach a file outside. The rules are
/// nevertheless checked by themselves, so that a wrong archive is named and not half obeyed:
/// no absolute names, no `..`, no links that lead out of the root, nothing written through a link of the same archive.
/// Whiteouts (OCI image-spec, layer.md) take the form that overlayfs reads: a character device 0:0.
struct Unpacking {
    enum DevicePolicy: String {
        case refuse, skip
    }

    let devices: DevicePolicy

    /// 100 GiB, and two million files: an archive that unpacks to more is taken for a bomb.
    private static let maximumBytes: Int64 = 100 << 30
    private static let maximumEntries = 2_000_000

    func run() throws(Refusal) {
        guard let reader = archive_read_new(), let writer = archive_write_disk_new() else {
            throw Refusal("out of memory")
        }
        defer {
            archive_read_free(reader)
            archive_write_free(writer)
        }
        archive_read_support_format_tar(reader)
        archive_read_support_format_empty(reader)
        archive_write_disk_set_options(
            writer,
            ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR
                | ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT)
        guard archive_read_open_fd(reader, 0, 128 << 10) == ARCHIVE_OK else { throw .reading(reader) }

        var opaque: [String] = []
        var bytes: Int64 = 0
        var entries = 0
        while true {
            var next: OpaquePointer?
            let result = archive_read_next_header(reader, &next)
            if result == ARCHIVE_EOF { break }
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry = next else { throw .reading(reader) }
            guard let raw = archive_entry_pathname(entry) else { throw Refusal("an entry has no name") }
            let name = String(cString: raw)
            let path = try checkedPath(name)
            entries += 1
            guard entries <= Self.maximumEntries else { throw Refusal("more than \(Self.maximumEntries) entries") }

            if let whiteout = Self.whiteout(path) {
                switch whiteout {
                case .opaque(let directory): opaque.append(directory)
                case .file(let hidden): try makeWhiteout(hidden, name: name)
                }
                continue
            }
            try checkType(entry, name: name)
            if skipped(entry, name: path) { continue }
            try checkLinks(entry, name: name, path: path)
            keepHarmlessAttributes(entry)
            archive_entry_set_pathname(entry, path.isEmpty ? "." : path)

            guard archive_write_header(writer, entry) == ARCHIVE_OK else {
                throw Refusal("entry \"\(name)\": \(Refusal.words(writer))")
            }
            if archive_entry_size_is_set(entry) != 0, archive_entry_size(entry) > 0 {
                try copyData(from: reader, to: writer, name: name, bytes: &bytes)
            }
            guard archive_write_finish_entry(writer) == ARCHIVE_OK else {
                throw Refusal("entry \"\(name)\": \(Refusal.words(writer))")
            }
        }
        // Modes and times of directories are set last, because what is written below them would change them.
        guard archive_write_close(writer) == ARCHIVE_OK else { throw Refusal(Refusal.words(writer)) }
        // What follows the end of the archive is part of what the sender hashes.
        var rest = [UInt8](repeating: 0, count: 64 << 10)
        while read(0, &rest, rest.count) > 0 {}
        do throws(SystemError) {
            try FileAccess.open("/", O_RDONLY | O_DIRECTORY).synchronizeFileSystem()
            let output = FileDescriptor(owning: 1)
            for directory in opaque { try output.writeAll(Array(directory.utf8) + [0]) }
        } catch {
            throw Refusal(error.description)
        }
    }

    private func copyData(
        from reader: OpaquePointer, to writer: OpaquePointer, name: String, bytes: inout Int64
    ) throws(Refusal) {
        while true {
            var block: UnsafeRawPointer?
            var length = 0
            var offset: Int64 = 0
            let result = archive_read_data_block(reader, &block, &length, &offset)
            if result == ARCHIVE_EOF { return }
            guard result == ARCHIVE_OK else {
                throw Refusal("entry \"\(name)\": \(Refusal.words(reader))")
            }
            bytes += Int64(length)
            guard bytes <= Self.maximumBytes else { throw Refusal("more than \(Self.maximumBytes >> 30) GiB of files") }
            guard archive_write_data_block(writer, block, length, offset) == ARCHIVE_OK else {
                throw Refusal("entry \"\(name)\": \(Refusal.words(writer))")
            }
        }
    }

    /// The name without `./` and `/` around it; empty is the root itself.
    private func checkedPath(_ name: String) throws(Refusal) -> String {
        guard !name.hasPrefix("/") else { throw Refusal("entry \"\(name)\": an absolute path is not allowed") }
        let components = name.split(separator: "/").filter { $0 != "." }
        guard !components.contains("..") else { throw Refusal("entry \"\(name)\": the path leaves the root") }
        return components.joined(separator: "/")
    }

    private func checkType(_ entry: OpaquePointer, name: String) throws(Refusal) {
        if archive_entry_hardlink(entry) != nil { return }
        switch archive_entry_filetype(entry) {
        case S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO: return
        case S_IFCHR, S_IFBLK:
            if devices == .refuse { throw Refusal("entry \"\(name)\": device nodes are not allowed in images") }
        default: throw Refusal("entry \"\(name)\": a file of an unknown type")
        }
    }

    private func skipped(_ entry: OpaquePointer, name: String) -> Bool {
        let type = archive_entry_filetype(entry)
        return archive_entry_hardlink(entry) == nil && (type == S_IFCHR || type == S_IFBLK)
    }

    private func checkLinks(_ entry: OpaquePointer, name: String, path: String) throws(Refusal) {
        if let target = archive_entry_hardlink(entry) {
            let text = String(cString: target)
            guard !text.hasPrefix("/"), !text.split(separator: "/").contains("..") else {
                throw Refusal("entry \"\(name)\": the hard link to \"\(text)\" leaves the root")
            }
            archive_entry_set_hardlink(entry, text.split(separator: "/").filter { $0 != "." }.joined(separator: "/"))
        } else if archive_entry_filetype(entry) == S_IFLNK, let target = archive_entry_symlink(entry) {
            // An absolute target is one inside the container. A relative one may climb up to the root, not above.
            let text = String(cString: target)
            guard !text.hasPrefix("/") else { return }
            var depth = path.split(separator: "/").count - 1
            for component in text.split(separator: "/") where component != "." {
                depth += component == ".." ? -1 : 1
                guard depth >= 0 else {
                    throw Refusal("entry \"\(name)\": the symbolic link to \"\(text)\" leaves the root")
                }
            }
        }
    }

    /// Keeps `user.*` and `security.capability`. `trusted.*` is overlayfs' own, and labels belong to the host's policy.
    private func keepHarmlessAttributes(_ entry: OpaquePointer) {
        var kept: [(name: String, value: [UInt8])] = []
        archive_entry_xattr_reset(entry)
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var length = 0
        while archive_entry_xattr_next(entry, &name, &value, &length) == ARCHIVE_OK, let name {
            let text = String(cString: name)
            guard text.hasPrefix("user.") || text == "security.capability" else { continue }
            kept.append((text, value.map { Array(UnsafeRawBufferPointer(start: $0, count: length)) } ?? []))
        }
        archive_entry_xattr_clear(entry)
        for (name, value) in kept { archive_entry_xattr_add_entry(entry, name, value, value.count) }
    }

    private enum Whiteout {
        case file(String)
        case opaque(String)
    }

    private static func whiteout(_ path: String) -> Whiteout? {
        let slash = path.lastIndex(of: "/")
        let base = slash.map { path[path.index(after: $0)...] } ?? path[...]
        let directory = slash.map { String(path[..<$0]) } ?? ""
        guard base.hasPrefix(".wh.") else { return nil }
        if base == ".wh..wh..opq" { return .opaque(directory) }
        let hidden = base.dropFirst(4)
        return .file(directory.isEmpty ? String(hidden) : "\(directory)/\(hidden)")
    }

    private func makeWhiteout(_ path: String, name: String) throws(Refusal) {
        let base = path.split(separator: "/").last ?? ""
        guard !base.isEmpty, base != ".", base != "..", !base.hasPrefix(".wh.") else {
            throw Refusal("entry \"\(name)\": a whiteout of no file")
        }
        do throws(SystemError) {
            // Opened under the kernel's own rule, so that no link of the archive is followed.
            var directory = try FileAccess.open("/", O_RDONLY | O_DIRECTORY)
            for component in path.split(separator: "/").dropLast() {
                if mkdirat(directory.rawValue, String(component), 0o755) != 0, errno != EEXIST {
                    throw SystemError(call: "mkdir", object: String(component), errno: errno)
                }
                directory = try directory.open(at: String(component), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            }
            // An entry of the same layer is above the whiteout that hides lower ones.
            if mknodat(directory.rawValue, String(base), S_IFCHR, 0) != 0, errno != EEXIST {
                throw SystemError(call: "mknod", object: String(base), errno: errno)
            }
        } catch {
            throw Refusal("entry \"\(name)\": \(error)")
        }
    }
}
