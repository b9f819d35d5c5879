internal import Glibc
internal import LinuxKernel

extension VolumeStore {
    private static let dataLink = "..data"

    func write(_ files: [VolumeFile], to directory: String, group: UInt32?) throws -> Bool {
        var files = files
        // The group that the pod asked for can read what it owns (`volume.SetVolumeOwnership`).
        if group != nil { for index in files.indices { files[index].mode |= 0o440 } }
        do {
            for file in files where !Self.isSafe(file.path) {
                throw SystemError(call: "open", object: file.path, errno: EXDEV)
            }
            let present = try? FileAccess.linkTarget("\(directory)/\(Self.dataLink)")
            if let present, Self.holds("\(directory)/\(present)", files) { return false }
            let version = Self.versionName()
            try Self.fill("\(directory)/\(version)", files, group)
            let temporary = "\(directory)/..data_tmp"
            if FileAccess.kind(temporary) != nil { try FileAccess.remove(temporary) }
            try FileAccess.makeSymbolicLink(temporary, to: version)
            // From here on readers see the new files; the links below only add and remove names.
            try FileAccess.rename(temporary, "\(directory)/\(Self.dataLink)")
            try Self.link(directory, files)
            // What was there before, and what a killed writer left behind.
            for name in try FileAccess.list(directory) where name.hasPrefix("..") && name != version {
                if name != Self.dataLink { try FileAccess.removeTree("\(directory)/\(name)") }
            }
            return true
        } catch let error as SystemError { throw Self.error(error) }
    }

    private static func isSafe(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return !path.isEmpty && !parts.contains { $0.isEmpty || $0 == "." || $0 == ".." } && !path.hasPrefix("..")
    }

    /// Whether a version's directory has these files and no others, with these contents and modes.
    private static func holds(_ version: String, _ files: [VolumeFile]) -> Bool {
        for file in files {
            guard let facts = try? FileAccess.status("\(version)/\(file.path)"), facts.st_mode & 0o7777 == file.mode,
                file.user.map({ facts.st_uid == $0 }) ?? true,
                let content = try? FileAccess.read("\(version)/\(file.path)"), content == file.content
            else { return false }
        }
        return count(version) == Set(files.map(\.path)).count
    }

    private static func count(_ directory: String) -> Int {
        let names = (try? FileAccess.list(directory)) ?? []
        return names.reduce(0) { sum, name in
            FileAccess.kind("\(directory)/\(name)") == .directory ? sum + count("\(directory)/\(name)") : sum + 1
        }
    }

    private static func fill(_ version: String, _ files: [VolumeFile], _ group: UInt32?) throws(SystemError) {
        try FileAccess.makeDirectory(version, mode: 0o755, exclusive: true)
        for file in files {
            let path = "\(version)/\(file.path)"
            try FileAccess.makeDirectories(FileAccess.split(path).directory, mode: 0o755)
            let descriptor = try FileAccess.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try FileAccess.write(file.content, to: descriptor, object: path)
            if group != nil || file.user != nil { try descriptor.setOwner(user: file.user, group: group) }
            try descriptor.setMode(file.mode)
        }
    }

    /// One link for each name that readers use.
    private static func link(_ directory: String, _ files: [VolumeFile]) throws(SystemError) {
        let wanted = Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) })
        for name in try FileAccess.list(directory) where !name.hasPrefix("..") && !wanted.contains(name) {
            try FileAccess.remove("\(directory)/\(name)")
        }
        for name in wanted where FileAccess.kind("\(directory)/\(name)") == nil {
            try FileAccess.makeSymbolicLink("\(directory)/\(name)", to: "\(dataLink)/\(name)")
        }
    }

    /// `..2026_11_21_02_30_00.` and the nanoseconds: unique, because one pod's calls follow one another.
    private static func versionName() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func pad(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "..\(parts.tm_year + 1900)_\(pad(parts.tm_mon + 1))_\(pad(parts.tm_mday))_\(pad(parts.tm_hour))"
            + "_\(pad(parts.tm_min))_\(pad(parts.tm_sec)).\(now.tv_nsec)"
    }
}
