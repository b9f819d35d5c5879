import Foundation
import Testing
import X509

@testable import ControlPlane

@Suite struct AuthorityTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
        "pki-\(UUID().uuidString)"
    ).path
    private let server = Authority.Purpose(
        fileName: "apiserver", commonName: "kube-apiserver", subjectAlternativeNames: ["localhost", "127.0.0.1", "::1"])
    private let administrator = Authority.Purpose(
        fileName: "admin", commonName: "kubernetes-admin", organizations: ["system:masters"])

    @Test func whatStillServesIsKept() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try Authority(directory: directory)
        let made = try first.credential(for: server)
        let again = try Authority(directory: directory)
        #expect(again.certificate == first.certificate)
        #expect(try again.credential(for: server).certificate == made.certificate)
        let parsed = try #require(made.parsed)
        #expect(parsed.issuer == (try X509.Certificate(pemEncoded: first.certificate)).subject)
        #expect(try parsed.extensions.subjectAlternativeNames.map(Array.init)?.count == 3)
        #expect(try parsed.extensions.extendedKeyUsage?.contains(.serverAuth) == true)
    }

    @Test func aCertificateIsMadeAnewForOtherNamesAndNearItsEnd() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let authority = try Authority(directory: directory)
        let made = try authority.credential(for: server)
        var renamed = server
        renamed.subjectAlternativeNames.append("10.0.0.1")
        let other = try authority.credential(for: renamed)
        #expect(other.certificate != made.certificate)
        let client = try authority.credential(for: administrator)
        // More than a third of the year is left after 200 days, less after 300; the authority goes on.
        for (days, isKept) in [(200, true), (300, false)] {
            let later = try Authority(directory: directory, now: Date().addingTimeInterval(Double(days) * 86400))
            #expect(later.certificate == authority.certificate)
            #expect((try later.credential(for: administrator).certificate == client.certificate) == isKept)
        }
    }

    @Test func anAuthorityThatIsLostTakesItsCertificatesAlong() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let made = try Authority(directory: directory).credential(for: administrator)
        try FileManager.default.removeItem(atPath: directory + "/ca.key")
        let next = try Authority(directory: directory)
        let renewed = try next.credential(for: administrator)
        #expect(renewed.certificate != made.certificate)
        let parsed = try #require(renewed.parsed)
        let authority = try X509.Certificate(pemEncoded: next.certificate)
        #expect(authority.publicKey.isValidSignature(parsed.signature, for: parsed))
    }
}
