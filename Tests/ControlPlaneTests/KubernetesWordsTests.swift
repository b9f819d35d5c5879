import AsyncHTTPClient
import Foundation
import KubernetesAPI
import NIOCore
import Testing

/// Answers that clients show to people as they are.
@Suite struct KubernetesWordsTests {
    @Test func `endpoints are deprecated, slices are not`() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let old = try await client.answer(.GET, cluster.server + "/api/v1/namespaces/default/endpoints", [])
                #expect(
                    old.header("warning")
                        == #"299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice""#)
                let new = try await client.answer(
                    .GET, cluster.server + "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", [])
                #expect(new.code == 200 && new.header("warning") == "")
            }
        }
    }

    @Test func `an object of a namespace has no path without it`() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let path = cluster.server + "/apis/rbac.authorization.k8s.io/v1/roles"
                let all = try await client.answer(.GET, path, [])
                let one = try await client.answer(.GET, path + "/reader", [])
                #expect(all.code == 200 && one.code == 404)
            }
        }
    }

    @Test func `explain has something to say`() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let answer = try await client.answer(.GET, cluster.server + "/openapi/v3/apis/apps/v1", [])
                let schemas = try JSONParser.parse(answer.body.readableBytesView)[path: "components", "schemas"]
                let spec = schemas?["io.k8s.api.apps.v1.DeploymentSpec"]
                #expect(spec?["description"] == "What a Deployment shall be.")
                // Beside a reference nothing counts in OpenAPI 3.0: it is a part of what the field is.
                let strategy = spec?[path: "properties", "strategy"]
                #expect(strategy?["description"] == "How old pods are replaced by new ones.")
                #expect(strategy?["$ref"] == nil && strategy?["allOf"]?.arrayValue?.count == 1)
            }
        }
    }
}
