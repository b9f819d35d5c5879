import Foundation
import KubernetesAPI

/// Signed tokens in their compact form (RFC 7515, RFC 7519).
enum JSONWebToken {
    /// Far more than a token of ours has; what is longer is not looked at.
    static let limit = 16 << 10

    static func sign(_ claims: TokenClaims, with key: SigningKey) throws -> String {
        let header: JSONValue = ["alg": .string(SigningKey.algorithm), "kid": .string(key.identifier)]
        let content = "\(Base64URL.encode(header.bytes)).\(Base64URL.encode(claims.json.bytes))"
        return "\(content).\(Base64URL.encode(try key.signature(of: Data(content.utf8))))"
    }

    /// The claims of a token that the key signed. The header has no say in how the signature is checked.
    static func verify(_ token: String, with key: SigningKey) throws(TokenRefusal) -> TokenClaims {
        guard token.utf8.count <= limit else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2]), let parsed = try? JSONParser.parse(header)
        else { throw .malformed }
        guard parsed["alg"]?.stringValue == SigningKey.algorithm, parsed["crit"] == nil else { throw .wrongSignature }
        if let identifier = parsed["kid"]?.stringValue, identifier != key.identifier { throw .wrongSignature }
        let content = token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count)
        guard key.isValid(signature, of: Data(content)) else { throw .wrongSignature }
        guard let json = try? JSONParser.parse(payload), let claims = TokenClaims(json: json) else { throw .malformed }
        return claims
    }
}

/// Why a token is not accepted. Clients only learn `Unauthorized`; token reviews and the log say more.
enum TokenRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    case malformed
    case wrongSignature
    case wrongIssuer
    case notYetValid
    case expired
    case wrongAudience
    /// The account, or what the token is bound to, is gone or another one by now.
    case invalidated(String)

    var description: String {
        switch self {
        case .malformed: "the token is malformed"
        case .wrongSignature: "the token's signature is not valid"
        case .wrongIssuer: "the token was issued by somebody else"
        case .notYetValid: "service account token is not valid yet"
        case .expired: "service account token has expired"
        case .wrongAudience: "the token is for other audiences"
        case .invalidated(let what): "service account token has been invalidated: \(what)"
        }
    }
}
