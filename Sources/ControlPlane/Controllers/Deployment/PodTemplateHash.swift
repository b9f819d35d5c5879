import KubernetesAPI

/// The suffix of a ReplicaSet's name and the value of its `pod-template-hash` label.
enum PodTemplateHash {
    /// `pod-template-hash`.
    static let label = "pod-template-hash"
    /// Letters and digits that cannot form words: no vowels, no 0, 1, 3 (`rand.SafeEncodeString`).
    private static let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)

    /// FNV-1 over the template's canonical JSON and the count of collisions so far, in the safe alphabet.
    static func of(_ template: PodTemplateSpec, collisionCount: Int32?) -> String {
        var bytes = template.json.bytes
        if let collisionCount {
            withUnsafeBytes(of: UInt64(collisionCount.magnitude).littleEndian) { bytes.append(contentsOf: $0) }
        }
        return safeEncode(String(fnv1(bytes)))
    }

    /// Whether two templates are the same but for the label.
    static func areEqual(_ left: PodTemplateSpec, _ right: PodTemplateSpec) -> Bool {
        var left = left
        var right = right
        left.metadata.labels[label] = nil
        right.metadata.labels[label] = nil
        return left == right
    }

    /// FNV-1 with 32 bits: multiply, then xor.
    static func fnv1(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { ($0 &* 16_777_619) ^ UInt32($1) }
    }

    static func safeEncode(_ text: String) -> String {
        String(decoding: text.utf8.map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }
}
