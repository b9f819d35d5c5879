import Foundation
import LinuxKernel

/// The administrator's kubeconfig: one cluster, one user with an embedded client certificate.
enum AdminKubeconfig {
    /// The name of cluster, context and user; it never changes, so that merged kubeconfigs stay one entry.
    static let name = "minikube-lite"

    static func text(server: String, authority: String, client: Credential) -> String {
        func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: \(name)
              cluster:
                server: \(server)
                certificate-authority-data: \(base64(authority))
            users:
            - name: \(name)
              user:
                client-certificate-data: \(base64(client.certificate))
                client-key-data: \(base64(client.key))
            contexts:
            - name: \(name)
              context:
                cluster: \(name)
                user: \(name)
            current-context: \(name)

            """
    }

    /// Writes the file with mode 0600 where it does not say the same already.
    static func write(_ text: String, to path: String) throws {
        let mode = (try? FileAccess.status(path).st_mode).map { $0 & 0o777 }
        if mode == 0o600, (try? FileAccess.read(path)) == Array(text.utf8) { return }
        try FileAccess.makeDirectories(FileAccess.split(path).directory)
        try FileAccess.replace(path, with: Array(text.utf8), mode: 0o600)
    }
}
