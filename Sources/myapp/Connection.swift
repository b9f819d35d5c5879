import Glibc

/// One client: bytes that have come and do not make a request yet, and bytes of answers that are not sent yet.
struct Connection {
    /// A request's head may have so many bytes; more is answered with 431.
    static let maximumHead = 8192
    /// Seconds in which a request has to be complete, an answer taken, or a kept connection used again.
    static let patience = 10

    let descriptor: Int32
    private(set) var deadline: Int
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    /// No further request is read: close when the output is gone.
    private var closing = false
    /// A request was answered on it already.
    private(set) var hasServed = false

    init(descriptor: Int32, now: Int) {
        self.descriptor = descriptor
        deadline = now + Self.patience
    }

    var isWriting: Bool { !output.isEmpty }
    /// Kept after an answer, and nothing of a next request has come: it may be closed at any time (RFC 9112 section 9.3).
    var isIdle: Bool { hasServed && input.isEmpty && output.isEmpty }
    var events: Int16 { Int16(isWriting ? POLLOUT : POLLIN) }

    /// Reads and writes what can be without waiting; false when the connection is over.
    mutating func advance(settings: Settings, draining: Bool, now: Int) -> Bool {
        if !isWriting, !receive() { return false }
        while !isWriting, !closing, let end = headEnd() {
            let head = String(decoding: input[..<end], as: UTF8.self)
            input.removeFirst(end + 4)
            answer(head, settings: settings, draining: draining)
            deadline = now + Self.patience
        }
        if !isWriting, !closing, input.count > Self.maximumHead {
            refuse("431 Request Header Fields Too Large", settings)
        }
        return send()
    }

    private mutating func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 {
            input += buffer[..<count]
            return true
        }
        return count < 0 && (errno == EAGAIN || errno == EINTR)
    }

    private mutating func send() -> Bool {
        while !output.isEmpty {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            let count = Glibc.send(descriptor, output, output.count, flags)
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            output.removeFirst(count)
        }
        return !closing
    }

    /// Where the empty line after the head begins.
    private func headEnd() -> Int? {
        guard input.count >= 4 else { return nil }
        return (0...input.count - 4).first { Array(input[$0..<$0 + 4]) == [13, 10, 13, 10] }
    }

    private mutating func answer(_ head: String, settings: Settings, draining: Bool) {
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1."), words[1].hasPrefix("/") else {
            refuse("400 Bad Request", settings)
            return
        }
        let headers = lines.dropFirst().map { $0.lowercased() }
        let wantsClose = headers.contains { $0.hasPrefix("connection:") && $0.contains("close") }
        let wantsKept = headers.contains { $0.hasPrefix("connection:") && $0.contains("keep-alive") }
        // A body is not read, so nothing after it could be understood.
        let hasBody = headers.contains {
            $0.hasPrefix("transfer-encoding:") || ($0.hasPrefix("content-length:") && !$0.hasSuffix(" 0"))
        }
        let keep = (words[2] == "HTTP/1.1" ? !wantsClose : wantsKept) && !hasBody && !draining
        let method = String(words[0])
        let path = String(words[1].prefix { $0 != "?" })
        let response = Response.answer(method: method, path: path, settings: settings)
        output += response.bytes(keepAlive: keep, headOnly: method == "HEAD", version: settings.version)
        closing = !keep
        hasServed = true
        if path != "/healthz" { log("\(method) \(path) \(response.status.prefix(3))") }
    }

    private mutating func refuse(_ status: String, _ settings: Settings) {
        output += Response(status: status, body: "\(status)\n")
            .bytes(keepAlive: false, headOnly: false, version: settings.version)
        closing = true
    }
}
