import CArchive
import Glibc

/// Takes off whatever compression libarchive knows (gzip, zstd, xz, bzip2), or none.
enum Decompression {
    static func run() throws(Refusal) {
        guard let archive = archive_read_new() else { throw Refusal("out of memory") }
        defer { archive_read_free(archive) }
        archive_read_support_filter_all(archive)
        // "raw" takes any bytes as one entry; "empty" is for an input of none.
        archive_read_support_format_raw(archive)
        archive_read_support_format_empty(archive)
        guard archive_read_open_fd(archive, 0, 128 << 10) == ARCHIVE_OK else { throw .reading(archive) }
        var entry: OpaquePointer?
        let header = archive_read_next_header(archive, &entry)
        if header == ARCHIVE_EOF { return }
        guard header == ARCHIVE_OK else { throw .reading(archive) }
        var buffer = [UInt8](repeating: 0, count: 128 << 10)
        while true {
            let got = archive_read_data(archive, &buffer, buffer.count)
            if got < 0 { throw .reading(archive) }
            if got == 0 { return }
            var done = 0
            while done < got {
                let written = buffer.withUnsafeBytes { write(1, $0.baseAddress! + done, got - done) }
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { throw Refusal("cannot write: \(String(cString: strerror(errno)))") }
                done += written
            }
        }
    }
}

/// Why an archive is not unpacked, in one line.
struct Refusal: Error {
    let message: String

    init(_ message: String) { self.message = message }

    /// What libarchive says.
    static func reading(_ archive: OpaquePointer) -> Refusal {
        Refusal("cannot read the archive: \(words(archive))")
    }

    static func words(_ archive: OpaquePointer) -> String {
        archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
    }
}
