import Crypto
import Foundation
import InternetAddress
import LinuxKernel
import SwiftASN1
import X509

/// A certificate and its private key, as PEM text.
struct Credential: Sendable {
    var certificate: String
    var key: String

    var parsed: X509.Certificate? { try? X509.Certificate(pemEncoded: certificate) }
}

/// The cluster's certificates: an authority, the API server's certificate, the administrator's.
///
/// Kept in `pki/` (mode 0700; keys 0600). Certificates whose life is two thirds over, whose names are not the wanted
/// ones any more, or which another authority signed, are made anew when the control plane starts; an authority is
/// kept as long as it can be read and is not near its end, so that copies of the kubeconfig stay good.
struct Authority: Sendable {
    /// What a certificate is to be for.
    struct Purpose: Sendable {
        var fileName: String
        var commonName: String
        var organizations: [String] = []
        /// DNS names and IP addresses; a server's certificate has some, a client's none.
        var subjectAlternativeNames: [String] = []
        var isServer: Bool { !subjectAlternativeNames.isEmpty }
    }

    static let authorityLifetime: TimeInterval = 10 * 365 * 86400
    static let lifetime: TimeInterval = 365 * 86400

    private let directory: String
    private let now: Date
    /// The authority's certificate, as PEM text.
    let certificate: String
    private let key: X509.Certificate.PrivateKey
    private let parsed: X509.Certificate

    /// Reads the authority of a folder, or makes both.
    init(directory: String, now: Date = Date()) throws {
        self.directory = directory
        self.now = now
        try FileAccess.makeDirectories(directory, mode: 0o700)
        if let present = Self.read(directory, "ca"), let certificate = present.parsed,
            let key = try? X509.Certificate.PrivateKey(pemEncoded: present.key), key.publicKey == certificate.publicKey,
            Self.isFresh(certificate, now)
        {
            (self.certificate, self.key, parsed) = (present.certificate, key, certificate)
            return
        }
        let key = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("minikube-lite-ca") }
        let made = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-300), notValidAfter: now.addingTimeInterval(Self.authorityLifetime),
            issuer: name, subject: name,
            extensions: try X509.Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
        let credential = Credential(
            certificate: try made.serializeAsPEM().pemString, key: try key.serializeAsPEM().pemString)
        try Self.write(credential, directory, "ca")
        (certificate, self.key, parsed) = (credential.certificate, key, made)
    }

    /// The certificate for a purpose: the one in the folder where it still serves, else a new one.
    func credential(for purpose: Purpose) throws -> Credential {
        if let present = Self.read(directory, purpose.fileName), let certificate = present.parsed,
            Self.isFresh(certificate, now), parsed.publicKey.isValidSignature(certificate.signature, for: certificate),
            let key = try? X509.Certificate.PrivateKey(pemEncoded: present.key), key.publicKey == certificate.publicKey,
            try certificate.subject == Self.subject(of: purpose),
            try certificate.extensions.subjectAlternativeNames.map(Array.init) ?? [] == Self.names(of: purpose)
        {
            return present
        }
        let key = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        let names = try Self.names(of: purpose)
        let certificate = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-300), notValidAfter: now.addingTimeInterval(Self.lifetime),
            issuer: parsed.subject, subject: try Self.subject(of: purpose),
            extensions: try X509.Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([purpose.isServer ? .serverAuth : .clientAuth])
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: parsed.publicKey).keyIdentifier)
                if purpose.isServer { SubjectAlternativeNames(names) }
            }, issuerPrivateKey: self.key)
        let credential = Credential(
            certificate: try certificate.serializeAsPEM().pemString, key: try key.serializeAsPEM().pemString)
        try Self.write(credential, directory, purpose.fileName)
        return credential
    }

    private static func subject(of purpose: Purpose) throws -> DistinguishedName {
        try DistinguishedName {
            for organization in purpose.organizations { OrganizationName(organization) }
            CommonName(purpose.commonName)
        }
    }

    private static func names(of purpose: Purpose) throws -> [GeneralName] {
        purpose.subjectAlternativeNames.map { name in
            IPAddress(name).map { .ipAddress(ASN1OctetString(contentBytes: $0.bytes[...])) } ?? .dnsName(name)
        }
    }

    /// Whether more than a third of the certificate's life is left.
    private static func isFresh(_ certificate: X509.Certificate, _ now: Date) -> Bool {
        let lifetime = certificate.notValidAfter.timeIntervalSince(certificate.notValidBefore)
        return certificate.notValidBefore <= now && certificate.notValidAfter.timeIntervalSince(now) > lifetime / 3
    }

    private static func read(_ directory: String, _ name: String) -> Credential? {
        guard let certificate = try? FileAccess.readText("\(directory)/\(name).crt"),
            let key = try? FileAccess.readText("\(directory)/\(name).key")
        else { return nil }
        return Credential(certificate: certificate, key: key)
    }

    /// The key first: a certificate without its key would be kept for good.
    private static func write(_ credential: Credential, _ directory: String, _ name: String) throws {
        try FileAccess.replace("\(directory)/\(name).key", with: Array(credential.key.utf8), mode: 0o600)
        try FileAccess.replace("\(directory)/\(name).crt", with: Array(credential.certificate.utf8), mode: 0o644)
    }
}
