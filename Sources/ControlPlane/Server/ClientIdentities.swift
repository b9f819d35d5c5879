import NIOCore
import NIOSSL
import Synchronization
import X509

/// Who is at the other end of each connection: what the client certificate's subject says.
///
/// The common name is the user, the organizations are the groups (Kubernetes' X.509 authentication).
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
        return name.isEmpty ? nil : User(name: name, groups: groups + [User.authenticated])
    }
}
