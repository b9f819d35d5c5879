import Glibc
import LinuxKernel
import Synchronization

/// Who a container's process runs as.
struct ResolvedUser: Sendable, Hashable {
    var uid: UInt32
    var gid: UInt32
    /// Supplementary groups, without duplicates.
    var groups: [UInt32]
    var home: String
}

/// /etc/passwd and /etc/group of images. Names are looked up in the image's own files, never in the host's.
final class UserDatabase: Sendable {
    private struct Files: Sendable {
        var users: [(name: String, uid: UInt32, gid: UInt32, home: String)]
        var groups: [(name: String, gid: UInt32, members: [String])]
    }

    private let cache = Mutex<[String: Files]>([:])

    /// Resolves the user of a container after the OCI image specification (config.md, "User") and the rules of
    /// Kubernetes' security context: a uid from the pod takes its primary group from /etc/passwd unless the pod names
    /// one, and 0 where it is not listed; groups that /etc/group gives the user are added.
    ///
    /// - Parameter layers: directories, top first.
    /// - Throws: `RuntimeError(.configuration)` where a name is not in the image, or the user would be root although it
    ///   must not be.
    func resolve(_ user: ContainerUser, image: ImageInfo, layers: [String]) throws -> ResolvedUser {
        let files = try files(image, layers)
        let parts = image.configuration.user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let userPart = parts.first.map(String.init) ?? ""
        let groupPart = parts.count > 1 ? String(parts[1]) : ""

        func missing(_ what: String, _ name: String) -> RuntimeError {
            RuntimeError(
                .configuration, step: "user", object: name,
                message: "unable to find \(what) \(name): no matching entries in the image's /etc/passwd or /etc/group")
        }

        let uid: UInt32
        if let given = user.uid {
            uid = given
        } else if userPart.isEmpty {
            uid = 0
        } else if let entry = files.users.first(where: { $0.name == userPart }) {
            uid = entry.uid
        } else if let number = UInt32(userPart) {
            uid = number
        } else {
            throw missing("user", userPart)
        }
        let entry =
            files.users.first { $0.uid == uid && ($0.name == userPart || user.uid != nil) }
            ?? files.users.first { $0.uid == uid }

        let gid: UInt32
        if let given = user.gid {
            gid = given
        } else if user.uid == nil, !groupPart.isEmpty {
            if let group = files.groups.first(where: { $0.name == groupPart }) {
                gid = group.gid
            } else if let number = UInt32(groupPart) {
                gid = number
            } else {
                throw missing("group", groupPart)
            }
        } else {
            gid = entry?.gid ?? 0
        }
        if user.mustNotBeRoot, uid == 0 {
            throw RuntimeError(
                .configuration, step: "user", object: image.configuration.user,
                message: "container has runAsNonRoot and image will run as root")
        }
        var groups = [gid]
        if let name = entry?.name {
            for group in files.groups where group.members.contains(name) { groups.append(group.gid) }
        }
        groups.append(contentsOf: user.supplementalGroups)
        var seen = Set<UInt32>()
        groups.removeAll { !seen.insert($0).inserted }
        return ResolvedUser(uid: uid, gid: gid, groups: groups, home: entry?.home ?? (uid == 0 ? "/root" : "/"))
    }

    private func files(_ image: ImageInfo, _ layers: [String]) throws -> Files {
        if let known = cache.withLock({ $0[image.id] }) { return known }
        let files = try RuntimeError.wrapping(.create, step: "user") {
            let root = try Self.root(layers)
            return Files(users: try Self.users(root), groups: try Self.groups(root))
        }
        // Images come and go; this is a cache and may start again.
        cache.withLock {
            if $0.count > 256 { $0.removeAll() }
            $0[image.id] = files
        }
        return files
    }

    /// The image's root as a descriptor: the one layer, or an overlay of them that is mounted nowhere.
    private static func root(_ layers: [String]) throws(SystemError) -> FileDescriptor {
        guard layers.count > 1 else {
            return try FileAccess.open(layers.first ?? "/nonexistent", FileAccess.pathOnly | O_DIRECTORY)
        }
        // By descriptor, because one value of fsconfig(2) holds 255 bytes.
        var opened: [FileDescriptor] = []
        for layer in layers { opened.append(try FileAccess.open(layer, FileAccess.pathOnly | O_DIRECTORY)) }
        let mount = try Mount.newFileSystem(
            "overlay", options: [("lowerdir", opened.map(\.procPath).joined(separator: ":"))], attributes: .readOnly)
        _ = consume opened
        return mount
    }

    private static func read(_ root: FileDescriptor, _ path: String) throws(SystemError) -> [[Substring]] {
        let file: FileDescriptor
        do { file = try root.open(.inRoot, path, O_RDONLY | O_NONBLOCK) } catch {
            if error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP { return [] }
            throw error
        }
        guard try file.fileType() == UInt32(S_IFREG) else { return [] }
        let text = String(decoding: try FileAccess.read(file, limit: 4 << 20, object: path), as: UTF8.self)
        return text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    private static func users(
        _ root: FileDescriptor
    ) throws(SystemError) -> [(name: String, uid: UInt32, gid: UInt32, home: String)] {
        try read(root, "etc/passwd").compactMap { fields in
            guard fields.count >= 6, let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else { return nil }
            return (String(fields[0]), uid, gid, String(fields[5]))
        }
    }

    private static func groups(
        _ root: FileDescriptor
    ) throws(SystemError) -> [(name: String, gid: UInt32, members: [String])] {
        try read(root, "etc/group").compactMap { fields in
            guard fields.count >= 3, let gid = UInt32(fields[2]) else { return nil }
            let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
            return (String(fields[0]), gid, members)
        }
    }
}
