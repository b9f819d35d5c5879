import KubernetesAPI
import Testing

@testable import ControlPlane

/// Secrets that hold a token of a service account, as dashboards and old manuals have them.
@Suite(.timeLimit(.minutes(2))) struct AccountTokenTests {
    private func secret(_ name: String, of account: String) -> Secret {
        var secret = Secret()
        secret.metadata.name = name
        secret.metadata.namespace = "default"
        secret.metadata.annotations[AccountTokenController.accountName] = account
        secret.type = .kubernetesIoServiceAccountToken
        return secret
    }

    private func user(of token: String, _ client: APIClient) async throws -> TokenReviewStatus {
        var review = TokenReview()
        review.spec.token = token
        let answer = try await client.transport.send(
            APIRequest(
                verb: .create, group: "authentication.k8s.io", version: "v1", resource: "tokenreviews",
                body: review.json))
        return try TokenReview(json: answer).status
    }

    @Test func aSecretGetsATokenThatIsGoodAsLongAsItIsThere() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            var account = ServiceAccount()
            account.metadata.name = "robot"
            account.metadata.namespace = "default"
            account = try await client.create(account)
            _ = try await client.create(secret("robot-token", of: "robot"))
            var filled = Secret()
            try await eventually {
                filled = try await client.get(Secret.self, "robot-token", namespace: "default")
                return filled.data["token"] != nil
            }
            #expect(filled.metadata.annotations[AccountTokenController.accountUID] == account.metadata.uid)
            #expect(filled.data["namespace"].map { String(decoding: $0, as: UTF8.self) } == "default")
            let map = try await client.get(ConfigMap.self, "kube-root-ca.crt", namespace: "default")
            #expect(filled.data["ca.crt"].map { String(decoding: $0, as: UTF8.self) } == map.data["ca.crt"])
            let token = String(decoding: try #require(filled.data["token"]), as: UTF8.self)
            let known = try await user(of: token, client)
            #expect(known.authenticated && known.user.username == "system:serviceaccount:default:robot")

            // The account takes its secrets along, and with them the token.
            try await client.delete(ServiceAccount.self, "robot", namespace: "default")
            try await eventually {
                await refusal {
                    _ = try await client.get(Secret.self, "robot-token", namespace: "default")
                }?.isNotFound == true
            }
            #expect(try await !user(of: token, client).authenticated)
        }
    }

    @Test func aSecretOfNoAccountGoes() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(secret("lost", of: "nobody"))
            try await eventually {
                await refusal { _ = try await client.get(Secret.self, "lost", namespace: "default") }?.isNotFound
                    == true
            }
        }
    }
}
