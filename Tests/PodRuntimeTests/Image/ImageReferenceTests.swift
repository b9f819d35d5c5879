import Testing

@testable import PodRuntime

@Suite struct ImageReferenceTests {
    @Test(arguments: [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25", "nginx:1.25"),
        ("library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("docker.io/library/nginx:1", "docker.io/library/nginx:1", "nginx:1"),
        ("index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"),
        ("user/app:v1", "docker.io/user/app:v1", "user/app:v1"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
    ])
    func aShortNameHasAFullOne(text: String, full: String, familiar: String) throws {
        let reference = try ImageReference(text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
    }

    @Test func aDigestNeedsNoTag() throws {
        let digest = "sha256:" + String(repeating: "0a", count: 32)
        #expect(try ImageReference("nginx@" + digest).description == "docker.io/library/nginx@" + digest)
        #expect(try ImageReference("nginx:1@" + digest).tag == "1")
    }

    @Test(arguments: [
        "", "Nginx", "nginx:", "nginx:a b", "nginx:.x", "/nginx", "nginx/", "a//b", "nginx@sha256:12", "nginx@md5:aa",
        "-a", "a_-b",
        "nginx ", "a...b",
    ])
    func whatIsNoReferenceIsRefused(text: String) {
        let error = #expect(throws: RuntimeError.self) { try ImageReference(text) }
        #expect(error?.message.hasPrefix("invalid image reference \"\(text)\": ") == true)
    }
}
