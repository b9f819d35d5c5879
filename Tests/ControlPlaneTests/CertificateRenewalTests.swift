import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Certificates that are near their end when a control plane starts, or past it.
@Suite(.timeLimit(.minutes(2))) struct CertificateRenewalTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
        "renewal-\(UUID().uuidString)"
    ).path

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
    }

    /// Makes what a control plane made that many days ago.
    private func makeCertificates(daysAgo: Double) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let authority = try Authority(
            directory: directory + "/pki", now: Date().addingTimeInterval(-daysAgo * 86400))
        _ = try authority.credential(
            for: .init(
                fileName: "apiserver", commonName: "kube-apiserver",
                subjectAlternativeNames: ["localhost", "127.0.0.1", "::1"]))
        _ = try authority.credential(
            for: .init(fileName: "admin", commonName: "kubernetes-admin", organizations: ["system:masters"]))
    }

    @Test(arguments: [(100.0, true, true), (300, true, false), (500, true, false), (3000, false, false)])
    func aStartRenewsThem(daysAgo: Double, keepsAuthority: Bool, keepsAdministrator: Bool) async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try makeCertificates(daysAgo: daysAgo)
        let (authority, administrator) = (try text("pki/ca.crt"), try text("pki/admin.crt"))
        try await TestCluster.run(in: directory) { cluster in
            #expect(try (text("pki/ca.crt") == authority) == keepsAuthority)
            #expect(try (text("pki/admin.crt") == administrator) == keepsAdministrator)
            // The kubeconfig has what is good now, and both sides believe each other.
            let kubeconfig = try text("admin.kubeconfig")
            for name in ["admin.crt", "admin.key", "ca.crt"] {
                let content = Data(try text("pki/\(name)").utf8).base64EncodedString()
                #expect(kubeconfig.contains(content), "\(name)")
            }
            try await cluster.withHTTPS { client in
                #expect(try await client.get(Namespace.self, "default").status.phase == .active)
                // Pods are told of the authority that signs now.
                try await eventually {
                    let map = try? await client.get(ConfigMap.self, "kube-root-ca.crt", namespace: "default")
                    return try map?.data["ca.crt"] == text("pki/ca.crt")
                }
            }
        }
    }
}
