internal import CLinux
internal import Glibc

/// Extended attributes (xattr(7)) without following links.
public enum ExtendedAttributes {
    /// All names at a path; none where the file system has no such thing.
    public static func names(_ path: String) throws(SystemError) -> [String] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)  // XATTR_LIST_MAX
        let length = clx_list_attributes(path, &buffer, buffer.count)
        if length == -Int64(EOPNOTSUPP) { return [] }
        try SystemError.check("llistxattr", path, length)
        return buffer[..<Int(length)].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    public static func value(_ path: String, _ name: String) throws(SystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)  // XATTR_SIZE_MAX
        let length = try SystemError.check(
            "lgetxattr", path, clx_get_attribute(path, name, &buffer, buffer.count))
        return Array(buffer[..<Int(length)])
    }

    public static func set(_ file: FileDescriptor, _ name: String, _ value: [UInt8]) throws(SystemError) {
        try SystemError.check("fsetxattr", name, clx_set_attribute(file.rawValue, name, value, value.count))
    }
}
