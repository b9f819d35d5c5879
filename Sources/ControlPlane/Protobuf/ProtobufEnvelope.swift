import KubernetesAPI

/// What every object travels in: four bytes of magic, then a message `runtime.Unknown` with the kind and the object's
/// own bytes (apimachinery `runtime/serializer/protobuf`).
struct ProtobufEnvelope {
    private static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

    let kind: GroupVersionKind
    /// The object's own message.
    let raw: ArraySlice<UInt8>

    /// Takes one apart. The bytes come from outside.
    init(_ bytes: [UInt8]) throws(ProtobufError) {
        guard bytes.starts(with: Self.magic) else { throw ProtobufError(description: "the envelope is missing") }
        var reader = ProtobufReader(bytes.dropFirst(Self.magic.count))
        var (apiVersion, kind) = ("", "")
        var raw: ArraySlice<UInt8> = []
        while let (number, value) = try reader.next() {
            guard case .bytes(let content) = value else { continue }
            switch number {
            case 1:
                var type = ProtobufReader(content)
                while let (number, value) = try type.next() {
                    guard case .bytes = value else { continue }
                    if number == 1 { apiVersion = try value.text() }
                    if number == 2 { kind = try value.text() }
                }
            case 2: raw = content
            case 3:
                guard content.isEmpty else { throw ProtobufError(description: "the content encoding is not known") }
            default: break
            }
        }
        self.kind = GroupVersionKind(apiVersion: apiVersion, kind: kind)
        self.raw = raw
    }

    /// An object's message in its envelope.
    static func wrap(_ message: [UInt8], of kind: GroupVersionKind) -> [UInt8] {
        var bytes = head(of: kind, messageLength: message.count)
        bytes.append(contentsOf: message)
        bytes.append(contentsOf: tail)
        return bytes
    }

    /// What comes before an object's message, for those who send it in parts.
    static func head(of kind: GroupVersionKind, messageLength: Int) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) {
            $0.string(1, kind.apiVersion)
            $0.string(2, kind.kind)
        }
        writer.varint(2 << 3 | 2)
        writer.varint(UInt64(messageLength))
        return magic + writer.bytes
    }

    /// What comes after it: no content encoding, no content type, as Go has it.
    static let tail: [UInt8] = [3 << 3 | 2, 0, 4 << 3 | 2, 0]
}
