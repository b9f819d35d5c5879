import Glibc

// The demo server of examples/deployment.yaml. The image says by its environment which version it is and how it
// behaves, so that one program makes the good and the bad versions of a rollout.
let settings = Settings(environment: readEnvironment)

switch settings.mode {
case .exit:
    logError("myapp \(settings.version): cannot start: the configuration has no section \"database\"")
    exit(1)
case .healthy, .unhealthy:
    do {
        let server = try Server(settings: settings)
        log("myapp \(settings.version) listening on port \(settings.port)")
        server.run()
        log("myapp \(settings.version) stopped")
    } catch {
        logError("myapp \(settings.version): \(error)")
        exit(1)
    }
}

func readEnvironment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func log(_ line: String) { writeLine(line, to: STDOUT_FILENO) }
func logError(_ line: String) { writeLine(line, to: STDERR_FILENO) }

/// One write per line, so that lines of a log never mix.
func writeLine(_ line: String, to descriptor: Int32) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}
