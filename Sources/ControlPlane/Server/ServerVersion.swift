import KubernetesAPI

/// What `/version` answers: the Kubernetes version whose API is spoken.
///
/// kubectl warns where its minor version differs from this by more than one, which is true of any real cluster, too.
enum ServerVersion {
    static let minor = KubernetesVersion.minor
    static let git = KubernetesVersion.text + "+minikube-lite"

    static let json: JSONValue = [
        "major": .string(KubernetesVersion.major), "minor": .string(minor), "emulationMajor": "1",
        "emulationMinor": .string(minor),
        "minCompatibilityMajor": "1", "minCompatibilityMinor": .string(String((Int(minor) ?? 1) - 1)),
        "gitVersion": .string(git), "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "swift",
        "platform": .string(platform),
    ]

    private static var platform: String {
        #if arch(arm64)
            "linux/arm64"
        #else
            "linux/amd64"
        #endif
    }
}
