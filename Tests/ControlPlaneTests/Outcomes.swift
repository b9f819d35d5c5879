import KubernetesAPI
import Testing

/// What the API answers to something that it refuses; nil where it does not.
func refusal(_ body: () async throws -> Void) async -> APIError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? APIError
    }
}

/// Waits for what a controller does; fails after ten seconds.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it did not happen within ten seconds")
        try await Task.sleep(for: .milliseconds(10))
    }
}
