import Crypto
import NIOCore
import NIOSSL
import Synchronization
import X509

/// Who is at the other end of each connection: what the client certificate's subject says.
///
/// The common name is the user, the organizations are the groups (Kubernetes' X.509 authentication); which certificate
/// it was is said by its digest (KEP-4193).
final class ClientIdentities: Sendable {
    private let known = Mutex<[ObjectIdentifier: User?]>([:])

    /// The user of a connection; nil where there was no certificate. TLS has already verified what there is.
    func user(of channel: any Channel) async throws -> User? {
        let id = ObjectIdentifier(channel)
        if let user = known.withLock({ $0[id] }) { return user }
        let certificate = try await channel.nioSSL_peerCertificate().get()
        let user = certificate.flatMap(Self.user)
        known.withLock { $0[id] = .some(user) }
        channel.closeFuture.whenComplete { [weak self] _ in
            _ = self?.known.withLock { $0.removeValue(forKey: id) }
        }
        return user
    }

    private static func user(_ peer: NIOSSLCertificate) -> User? {
        guard let bytes = try? peer.toDERBytes(), let certificate = try? X509.Certificate(derEncoded: bytes) else {
            return nil
        }
        var name = ""
        var groups: [String] = []
        for part in certificate.subject {
            for attribute in part {
                switch attribute.type {
                case .RDNAttributeType.commonName: name = String(describing: attribute.value)
                case .RDNAttributeType.organizationName: groups.append(String(describing: attribute.value))
                default: break
                }
            }
        }
        guard !name.isEmpty else { return nil }
        let digest = SHA256.hash(data: bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
        return User(
            name: name, groups: groups + [User.authenticated], extra: [User.credentialID: ["X509SHA256=\(digest)"]])
    }
}
