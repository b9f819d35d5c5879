import HTTPTypes
import HummingbirdCore
import KubernetesAPI
import NIOCore

/// Reads the body of a request: bounded, and as what its `Content-Type` says.
enum RequestBodyReader {
    /// The bytes; throws 413 where there are more than are allowed.
    static func bytes(of request: Request) async throws -> ByteBuffer {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > RequestLimits.bodyBytes {
            throw APIError.bodyTooLarge
        }
        var bytes = ByteBuffer()
        do {
            for try await part in request.body {
                guard bytes.readableBytes + part.readableBytes <= RequestLimits.bodyBytes else {
                    throw APIError.bodyTooLarge
                }
                if bytes.readableBytes == 0 { bytes = part } else { bytes.writeImmutableBuffer(part) }
            }
        } catch is RequestTooSlow {
            throw APIError.requestTooSlow
        }
        return bytes
    }

    /// The body as a value; nil where it is empty.
    ///
    /// - Parameter kind: what the body is to be, for the messages.
    static func body(
        _ bytes: ByteBuffer, contentType: String, kind: String
    ) throws -> ObjectRequest.Body? {
        guard bytes.readableBytes > 0 else { return nil }
        let type = MediaRange(contentType).type
        switch type {
        case "", "application/json", APIRequest.PatchType.json.rawValue, APIRequest.PatchType.merge.rawValue,
            APIRequest.PatchType.strategic.rawValue:
            do {
                let (value, duplicates) = try JSONParser.parseNotingDuplicates(bytes.readableBytesView)
                return ObjectRequest.Body(value: value, duplicates: duplicates)
            } catch  where APIRequest.PatchType(rawValue: type) != nil {
                throw APIError.badRequest("error decoding patch: \(error)")
            } catch {
                throw APIError.badRequest(
                    "the object provided is unrecognized (must be of type \(kind)): couldn't get version/kind; "
                        + "json parse error: \(error)")
            }
        case "application/yaml", "application/x-yaml", "text/yaml", "application/vnd.kubernetes.yaml":
            do {
                return (try YAMLDocuments.read(String(buffer: bytes)).first).map { ObjectRequest.Body(value: $0) }
            } catch {
                throw APIError.badRequest(
                    "the object provided is unrecognized (must be of type \(kind)): \(error)")
            }
        case APIRequest.PatchType.apply.rawValue:
            do {
                // Mostly it is JSON, which is YAML, too, and sooner read.
                if bytes.readableBytesView.first == UInt8(ascii: "{"),
                    let (value, duplicates) = try? JSONParser.parseNotingDuplicates(bytes.readableBytesView)
                {
                    return ObjectRequest.Body(value: value, duplicates: duplicates)
                }
                return (try YAMLDocuments.read(String(buffer: bytes)).first).map { ObjectRequest.Body(value: $0) }
            } catch {
                throw APIError.badRequest("error decoding YAML: \(error)")
            }
        case AnswerEncoding.protobuf.rawValue:
            do {
                return ObjectRequest.Body(value: try ProtobufDecoder.decode(Array(bytes.readableBytesView)))
            } catch {
                throw APIError.badRequest(
                    "the object provided is unrecognized (must be of type \(kind)): protobuf: \(error)")
            }
        default:
            throw APIError.unsupportedMediaType(accepted: AnswerEncoding.allCases.map(\.rawValue))
        }
    }
}
