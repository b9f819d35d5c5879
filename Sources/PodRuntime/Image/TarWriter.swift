import Glibc
import LinuxKernel

/// Writes a directory as a tar archive (POSIX.1-2001 pax), piece by piece, in an order that does not depend on the file
/// system: the same tree has the same digest.
///
/// Owners, modes, whole seconds of modification times, hard links, links, and the extended attributes `user.*` and
/// `security.capability` are kept. Device nodes and sockets are left out: a container gets its own /dev. Only for
/// trees that nobody changes meanwhile; a file that shrinks while it is read is an error.
struct TarWriter {
    private let emit: ([UInt8]) throws -> Void
    /// Of files with several names, the first one.
    private var seen: [Inode: String] = [:]
    /// Greatest modification time, seconds since 1970.
    private(set) var newest: Int64 = 0
    private static let blockSize = 512
    /// What one header's number fields can hold.
    private static let maximumId: UInt32 = 0o7_777_777
    private static let maximumSize: Int64 = 0o77_777_777_777

    private struct Inode: Hashable {
        var device: dev_t
        var number: ino_t
    }

    init(emit: @escaping ([UInt8]) throws -> Void) { self.emit = emit }

    /// Writes everything below `root`, and the end of the archive.
    mutating func write(tree root: String) throws {
        let facts = try FileAccess.status(root)
        guard FileAccess.kind(mode: facts.st_mode) == .directory else {
            throw SystemError(call: "opendir", object: root, errno: ENOTDIR)
        }
        try header(name: "./", facts, type: "5", size: 0, link: "", attributes: try attributes(root))
        try writeContents(of: root, prefix: "", device: facts.st_dev)
        try emit([UInt8](repeating: 0, count: 2 * Self.blockSize))
    }

    private mutating func writeContents(of directory: String, prefix: String, device: dev_t) throws {
        // Sorted by bytes, not by the locale.
        for name in try FileAccess.list(directory).sorted(by: {
            Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
        }) {
            let path = "\(directory)/\(name)"
            let entry = prefix + name
            let facts = try FileAccess.status(path)
            switch FileAccess.kind(mode: facts.st_mode) {
            case .directory:
                try header(name: entry + "/", facts, type: "5", size: 0, link: "", attributes: try attributes(path))
                // Another file system that is mounted there (proc, sys) is not part of the image.
                if facts.st_dev == device { try writeContents(of: path, prefix: entry + "/", device: device) }
            case .symbolicLink:
                let target = try FileAccess.linkTarget(path)
                try header(name: entry, facts, type: "2", size: 0, link: target, attributes: [])
            case .file:
                if facts.st_nlink > 1 {
                    let inode = Inode(device: facts.st_dev, number: facts.st_ino)
                    if let first = seen[inode] {
                        try header(name: entry, facts, type: "1", size: 0, link: first, attributes: [])
                        continue
                    }
                    seen[inode] = entry
                }
                try header(
                    name: entry, facts, type: "0", size: Int64(facts.st_size), link: "",
                    attributes: try attributes(path))
                try content(path, size: Int64(facts.st_size))
            case .fifo:
                try header(name: entry, facts, type: "6", size: 0, link: "", attributes: [])
            case .blockDevice, .characterDevice, .socket, nil: continue
            }
        }
    }

    private func content(_ path: String, size: Int64) throws {
        let file = try FileAccess.open(path, O_RDONLY | O_NOFOLLOW)
        var left = size
        while left > 0 {
            let bytes = try FileAccess.read(file, limit: Int(min(left, 256 << 10)), object: path)
            guard !bytes.isEmpty else {
                throw RuntimeError(
                    .create, step: "image import", object: path, message: "\(path) became shorter while it was read")
            }
            left -= Int64(bytes.count)
            try emit(bytes)
        }
        try pad(size)
    }

    private func pad(_ size: Int64) throws {
        let rest = Int(size % Int64(Self.blockSize))
        if rest > 0 { try emit([UInt8](repeating: 0, count: Self.blockSize - rest)) }
    }

    private func attributes(_ path: String) throws -> [(name: String, value: [UInt8])] {
        try ExtendedAttributes.names(path).sorted()
            .filter { $0.hasPrefix("user.") || $0 == "security.capability" }
            .map { ($0, try ExtendedAttributes.value(path, $0)) }
    }

    private mutating func header(
        name: String, _ facts: stat, type: Unicode.Scalar, size: Int64, link: String,
        attributes: [(name: String, value: [UInt8])]
    ) throws {
        let time = Int64(facts.st_mtim.tv_sec)
        newest = max(newest, time)
        var records: [UInt8] = []
        func record(_ key: String, _ value: [UInt8]) {
            // "length key=value\n", where the length counts its own digits.
            let rest = 1 + key.utf8.count + 1 + value.count + 1
            var length = rest + String(rest).utf8.count
            if rest + String(length).utf8.count != length { length = rest + String(length).utf8.count }
            records += Array("\(length) \(key)=".utf8) + value + [10]
        }
        if name.utf8.count > 100 || !name.utf8.allSatisfy({ $0 < 128 }) { record("path", Array(name.utf8)) }
        if link.utf8.count > 100 || !link.utf8.allSatisfy({ $0 < 128 }) { record("linkpath", Array(link.utf8)) }
        if facts.st_uid > Self.maximumId { record("uid", Array("\(facts.st_uid)".utf8)) }
        if facts.st_gid > Self.maximumId { record("gid", Array("\(facts.st_gid)".utf8)) }
        if size > Self.maximumSize { record("size", Array("\(size)".utf8)) }
        for (key, value) in attributes { record("SCHILY.xattr.\(key)", value) }
        if !records.isEmpty {
            try emit(
                Self.block(
                    name: "PaxHeaders/" + name.suffix(64).filter(\.isASCII), mode: 0o644, uid: 0, gid: 0,
                    size: Int64(records.count),
                    time: time, type: "x", link: ""))
            try emit(records)
            try pad(Int64(records.count))
        }
        try emit(
            Self.block(
                name: name, mode: facts.st_mode & 0o7777, uid: min(facts.st_uid, Self.maximumId),
                gid: min(facts.st_gid, Self.maximumId), size: min(size, Self.maximumSize), time: time, type: type,
                link: link))
    }

    private static func block(
        name: String, mode: mode_t, uid: UInt32, gid: UInt32, size: Int64, time: Int64, type: Unicode.Scalar,
        link: String
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: blockSize)
        func put(_ text: some Sequence<UInt8>, at offset: Int, limit: Int) {
            for (index, byte) in text.prefix(limit).enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int64, at offset: Int, digits: Int) {
            let text = String(max(value, 0), radix: 8)
            put((String(repeating: "0", count: max(0, digits - text.count)) + text).utf8, at: offset, limit: digits)
        }
        put(name.utf8, at: 0, limit: 100)
        octal(Int64(mode), at: 100, digits: 7)
        octal(Int64(uid), at: 108, digits: 7)
        octal(Int64(gid), at: 116, digits: 7)
        octal(size, at: 124, digits: 11)
        octal(time, at: 136, digits: 11)
        put([UInt8](repeating: 32, count: 8), at: 148, limit: 8)
        block[156] = UInt8(truncatingIfNeeded: type.value)
        put(link.utf8, at: 157, limit: 100)
        put(Array("ustar".utf8) + [0] + Array("00".utf8), at: 257, limit: 8)
        octal(block.reduce(0) { $0 + Int64($1) }, at: 148, digits: 6)
        block[154] = 0
        block[155] = 32
        return block
    }
}
