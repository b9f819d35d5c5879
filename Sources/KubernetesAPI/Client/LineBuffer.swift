/// Puts lines together from pieces of a stream.
struct LineBuffer {
    /// Bytes of one line at most.
    let limit: Int
    private var rest: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Takes a piece and returns the lines that are complete now, without their line feeds.
    mutating func append(_ piece: some Collection<UInt8>) throws(APIError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for part in piece.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 {
                lines.append(rest)
                rest = []
            }
            rest += part.element
            guard rest.count <= limit else {
                throw APIError(
                    code: 500, reason: .internalError, message: "a line of the stream is longer than \(limit) bytes")
            }
        }
        return lines
    }
}
