/// One answer.
struct Response {
    var status: String
    var body: String
    var headers: [String] = []

    /// What the path answers. The version is in each answer, so that a rollout can be watched from outside.
    static func answer(method: String, path: String, settings: Settings) -> Response {
        guard method == "GET" || method == "HEAD" else {
            return Response(status: "405 Method Not Allowed", body: "use GET or HEAD\n", headers: ["Allow: GET, HEAD"])
        }
        switch path {
        case "/healthz":
            return settings.mode == .healthy
                ? Response(status: "200 OK", body: "ok\n")
                : Response(status: "503 Service Unavailable", body: "version \(settings.version) is not healthy\n")
        case "/":
            return Response(
                status: "200 OK",
                body: """
                    myapp \(settings.version)
                    hostname: \(settings.hostname)
                    DATABASE_URL is \(settings.hasDatabase ? "set" : "not set")

                    """)
        default: return Response(status: "404 Not Found", body: "nothing is served at this path\n")
        }
    }

    func bytes(keepAlive: Bool, headOnly: Bool, version: String) -> [UInt8] {
        var lines = ["HTTP/1.1 \(status)", "Server: myapp/\(version)", "Content-Type: text/plain; charset=utf-8"]
        lines += headers
        lines += ["Content-Length: \(body.utf8.count)", "Connection: \(keepAlive ? "keep-alive" : "close")", "", ""]
        return Array(lines.joined(separator: "\r\n").utf8) + (headOnly ? [] : Array(body.utf8))
    }
}
