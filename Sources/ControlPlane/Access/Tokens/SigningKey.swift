import Crypto
import Foundation
import KubernetesAPI
import LinuxKernel

/// The key that service accounts' tokens are signed with: `pki/sa.key` (mode 0600), made when it is not there.
///
/// A key that cannot be read is set aside, and tokens that it signed are no longer good; so it goes for one that
/// somebody deletes.
struct SigningKey: Sendable {
    static let fileName = "sa.key"
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4): the only algorithm that is accepted, too.
    static let algorithm = "ES256"

    private let key: P256.Signing.PrivateKey
    /// Names the key in tokens and in the key set: the hash of the public key, as the API server has it.
    let identifier: String

    init(_ key: P256.Signing.PrivateKey) {
        self.key = key
        identifier = Base64URL.encode(SHA256.hash(data: key.publicKey.derRepresentation))
    }

    /// Reads the key of a folder, or makes one. Throws where the folder cannot be used.
    static func load(directory: String) throws -> SigningKey {
        let path = "\(directory)/\(fileName)"
        if FileAccess.kind(path) != nil {
            if let key = try? P256.Signing.PrivateKey(pemRepresentation: try FileAccess.readText(path)) {
                return SigningKey(key)
            }
            let text = try FileAccess.read(path)
            try FileAccess.replace("\(path).unreadable", with: text, mode: 0o600)
        }
        let key = P256.Signing.PrivateKey()
        try FileAccess.replace(path, with: Array(key.pemRepresentation.utf8), mode: 0o600)
        return SigningKey(key)
    }

    /// Both halves of the signature, 32 bytes each.
    func signature(of bytes: some DataProtocol) throws -> Data { try key.signature(for: bytes).rawRepresentation }

    func isValid(_ signature: Data, of bytes: some DataProtocol) -> Bool {
        guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else { return false }
        return key.publicKey.isValidSignature(signature, for: bytes)
    }

    /// The public half as a JSON Web Key Set (RFC 7517).
    var keySet: JSONValue {
        let point = key.publicKey.rawRepresentation
        return [
            "keys": [
                [
                    "use": "sig", "kty": "EC", "kid": .string(identifier), "crv": "P-256",
                    "alg": .string(Self.algorithm), "x": .string(Base64URL.encode(point.prefix(32))),
                    "y": .string(Base64URL.encode(point.suffix(32))),
                ]
            ]
        ]
    }
}

/// Base64 for URLs, without padding (RFC 4648 section 5).
enum Base64URL {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Nil where it is none.
    static func decode(_ text: some StringProtocol) -> Data? {
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") })
        else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(
            base64Encoded: String(text).replacing("-", with: "+").replacing("_", with: "/") + padding)
    }
}
