import Foundation
import HTTPTypes
import KubernetesAPI
import NIOCore

/// An answer on its way to a client.
struct HTTPAnswer: Sendable {
    enum Body: Sendable {
        case bytes(ByteBuffer)
        /// A long answer in parts, with its length.
        case chunks([ByteBuffer], length: Int)
        case watch(ObjectWatch, AnswerFormat)
        case log(AsyncThrowingStream<[UInt8], any Error>)

        /// What is known before the answer begins; nothing of streams.
        var parts: [ByteBuffer] {
            switch self {
            case .bytes(let buffer): [buffer]
            case .chunks(let chunks, _): chunks
            case .watch, .log: []
            }
        }
    }

    /// Below this a round trip is not worth the time of two processors.
    var isWorthCompressing: Bool {
        guard status == .ok else { return false }
        switch body {
        case .bytes(let buffer): return buffer.readableBytes >= RequestLimits.compressedBytes
        case .chunks(_, let length): return length >= RequestLimits.compressedBytes
        case .watch, .log: return false
        }
    }

    var status: HTTPResponse.Status
    var contentType: String
    var body: Body
    var warnings: [String] = []
    /// With its quotes; empty where there is none.
    var entityTag = ""
    /// Where the answer is found rather; empty where it is here.
    var location = ""
    /// Whether the content of this address never changes.
    var isImmutable = false
    /// Whether it is always indented.
    var isForPeople = false
    /// Seconds after which a client may try again; 0 says nothing.
    var retryAfter: Int32 = 0

    static func json(_ value: JSONValue, code: Int = 200) -> HTTPAnswer {
        HTTPAnswer(
            status: .init(code: code), contentType: "application/json",
            body: .bytes(line(value.bytes)))
    }

    /// A JSON text with the line's end that Go's encoder writes after it.
    static func line(_ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        return buffer
    }

    /// An object, or a list, in an encoding.
    static func object(_ value: JSONValue, code: Int = 200, _ encoding: AnswerEncoding) throws -> HTTPAnswer {
        let bytes: ByteBuffer
        switch encoding {
        case .json: bytes = line(value.bytes)
        case .yaml: bytes = ByteBuffer(string: YAMLText.text(value))
        case .protobuf: bytes = ByteBuffer(bytes: try ProtobufEncoder.encode(value))
        }
        return HTTPAnswer(status: .init(code: code), contentType: encoding.rawValue, body: .bytes(bytes))
    }

    /// A refusal, in the encoding that is asked for.
    static func status(_ status: Status, _ encoding: AnswerEncoding = .json) -> HTTPAnswer {
        let value = statusJSON(status)
        let code = Int(status.code)
        var answer = (try? object(value, code: code, encoding)) ?? json(value, code: code)
        answer.retryAfter = status.details?.retryAfterSeconds ?? 0
        return answer
    }

    /// As the API server writes it: `metadata` is always there.
    static func statusJSON(_ status: Status) -> JSONValue {
        var ordered: JSONObject = ["kind": "Status", "apiVersion": "v1", "metadata": status.metadata.json]
        for (key, member) in status.json.objectValue ?? JSONObject() where ordered[key] == nil {
            ordered[key] = member
        }
        return .object(ordered)
    }

    static func text(_ text: String, code: Int = 200) -> HTTPAnswer {
        HTTPAnswer(
            status: .init(code: code), contentType: "text/plain; charset=utf-8",
            body: .bytes(ByteBuffer(string: text)))
    }

    /// - Parameter length: the body's; nil where it is not known and the body is sent in chunks.
    func head(length: Int?) -> HTTPResponse {
        var fields = HTTPFields()
        fields[.contentType] = contentType
        fields[.cacheControl] = isImmutable ? "public, immutable" : "no-cache, private"
        if isImmutable { fields[.expires] = Self.inAYear }
        if !location.isEmpty { fields[.location] = location }
        if let length { fields[.contentLength] = String(length) }
        if !entityTag.isEmpty {
            fields[.eTag] = entityTag
            fields[.vary] = "Accept"
        }
        if retryAfter > 0 { fields[.retryAfter] = String(retryAfter) }
        if let name = HTTPField.Name("Warning") {
            for warning in Self.truncated(warnings) {
                fields.append(HTTPField(name: name, value: "299 - \"\(Self.quoted(warning))\""))
            }
        }
        return HTTPResponse(status: status, headerFields: fields)
    }

    /// Of a stream. The connection ends with it, for the client's end is waited for on it: a client has to know that, or
    /// its next request would be sent into the void (RFC 9112, section 9.6).
    var headOfStream: HTTPResponse {
        var head = head(length: nil)
        head.headerFields[.connection] = "close"
        return head
    }

    /// As HTTP writes times (RFC 9110, section 5.6.7).
    private static var inAYear: String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return format.string(from: Date(timeIntervalSinceNow: 365 * 86400))
    }

    /// As many as an answer's head may hold, in scalars, as in the Kubernetes API server: where all of them are too long,
    /// each is cut, and what is still too much is left out.
    private static func truncated(_ warnings: [String]) -> [String] {
        let (whole, each) = (4096, 256)
        guard warnings.reduce(0, { $0 + $1.unicodeScalars.count }) > whole else { return warnings }
        var left = whole
        return warnings.map { String($0.unicodeScalars.prefix(each)) }.prefix { warning in
            left -= warning.unicodeScalars.count
            return left >= 0
        }
    }

    private static func quoted(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
}
