import KubernetesAPI
import Testing

/// `pods/resize`, through the transport of this process and the real kubectl.
@Suite struct ResizeTests {
    private func pod() -> Pod {
        var pod = Pod()
        pod.metadata.name = "web"
        pod.metadata.namespace = "default"
        pod.metadata.labels = ["app": "web"]
        var container = Container()
        container.name = "c"
        container.image = "busybox"
        container.resources.requests = ["cpu": "100m", "memory": "64Mi"]
        container.resources.limits = ["cpu": "500m", "memory": "128Mi"]
        pod.spec.containers = [container]
        return pod
    }

    @Test func anUpdateOfTheSubresourceChangesResourcesOnly() async throws {
        try await TestCluster.run { cluster in
            let created = try await cluster.client.create(pod())
            #expect(created.metadata.generation == 1)
            var pod = created
            // Whatever the version: the scheduler writes, too.
            pod.metadata.resourceVersion = ""
            pod.spec.containers[0].resources.limits["cpu"] = "1"
            pod.metadata.labels["app"] = "other"
            pod.status.phase = .running
            let resized = try await cluster.client.update(pod, subresource: "resize")
            #expect(resized.spec.containers[0].resources.limits == ["cpu": "1", "memory": "128Mi"])
            #expect(resized.metadata.generation == 2)
            #expect(resized.metadata.labels == ["app": "web"])
            #expect(resized.status.phase == .pending)
            // Again from the version before: somebody else may have changed it since.
            let stale = await #expect(throws: APIError.self) {
                try await cluster.client.update(created, subresource: "resize")
            }
            #expect(stale?.isConflict == true)
        }
    }

    @Test(arguments: [
        (
            APIRequest.PatchType.strategic,
            #"{"spec":{"containers":[{"name":"c","resources":{"limits":{"memory":"256Mi"}}}]}}"#
        ),
        (.json, #"[{"op":"replace","path":"/spec/containers/0/resources/limits/memory","value":"256Mi"}]"#),
    ])
    func patches(_ type: APIRequest.PatchType, _ text: String) async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod())
            let patch = try JSONParser.parse(text.utf8)
            let resized = try await cluster.client.patch(
                Pod.self, "web", namespace: "default", subresource: "resize", type, patch)
            #expect(resized.spec.containers[0].resources.limits == ["cpu": "500m", "memory": "256Mi"])
            #expect(resized.metadata.generation == 2)
            // Without the subresource it is refused.
            let error = await #expect(throws: APIError.self) {
                try await cluster.client.patch(
                    Pod.self, "web", namespace: "default", type,
                    try JSONParser.parse(text.replacing("256Mi", with: "512Mi").utf8))
            }
            #expect(error?.code == 422)
            #expect(error?.status.message.contains("pod updates may not change fields other than") == true)
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func kubectlPatchesTheSubresource() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod())
            let cpu = #"{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"750m"}}}]}}"#
            let version = try await cluster.kubectl(["version", "--client"])
            guard version.out.contains("v1.32") || version.out.contains("v1.33") else {
                return print("skipped: kubectl before 1.32 knows no subresource resize")
            }
            let patched = try await cluster.kubectl(["patch", "pod", "web", "--subresource", "resize", "-p", cpu])
            #expect(patched.out == "pod/web patched\n", "\(patched.err)")
            let got = try await cluster.kubectl([
                "get", "pod", "web", "--subresource", "resize", "-o",
                "jsonpath={.spec.containers[0].resources.limits.cpu}",
            ])
            #expect(got.out == "750m", "\(got.err)")
            let image = #"{"spec":{"containers":[{"name":"c","image":"other"}]}}"#
            let refused = try await cluster.kubectl(["patch", "pod", "web", "--subresource", "resize", "-p", image])
            #expect(refused.status == 1)
            #expect(
                refused.err.contains("spec.containers[0].image: Forbidden: only cpu and memory resources are mutable"),
                "\(refused.err)")
        }
    }

    @Test func tolerationOfMemoryPressureIsForThoseThatAsk() async throws {
        try await TestCluster.run { cluster in
            let burstable = try await cluster.client.create(pod())
            func tolerates(_ pod: Pod) -> Bool {
                pod.spec.tolerations.contains {
                    $0.key == "node.kubernetes.io/memory-pressure" && $0.effect == .noSchedule && $0.operator == .exists
                }
            }
            #expect(tolerates(burstable))
            var light = pod()
            light.metadata.name = "light"
            light.spec.containers[0].resources = ResourceRequirements()
            #expect(!tolerates(try await cluster.client.create(light)))
        }
    }
}
