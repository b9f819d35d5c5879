import Glibc

/// What the image's environment says.
struct Settings {
    /// `MYAPP_MODE`.
    enum Mode: String {
        case healthy
        /// Serves, but `/healthz` answers 503 for ever.
        case unhealthy
        /// Ends at once with an error line and code 1.
        case exit
    }

    /// `MYAPP_VERSION`.
    let version: String
    let mode: Mode
    /// `MYAPP_PORT`, 8000 where it is not set.
    let port: UInt16
    let hostname: String
    let hasDatabase: Bool

    init(environment: (String) -> String?) {
        version = environment("MYAPP_VERSION") ?? "unknown"
        mode = environment("MYAPP_MODE").flatMap(Mode.init(rawValue:)) ?? .healthy
        port = environment("MYAPP_PORT").flatMap(UInt16.init) ?? 8000
        hasDatabase = environment("DATABASE_URL").map { !$0.isEmpty } ?? false
        var name = [CChar](repeating: 0, count: 256)
        let named = gethostname(&name, name.count - 1) == 0
        hostname = named ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : "?"
    }
}
