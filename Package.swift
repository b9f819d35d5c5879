// swift-tools-version: 6.1
import PackageDescription

// Every target of ours is held to the Swift 6 language mode, and warnings are errors. The targets below are the layers of
// docs/architecture.md, top down.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
]

// Programs that start in half a millisecond and need nothing of the machine: the shim, and what runs in containers.
let staticExecutable: [LinkerSetting] = [.unsafeFlags(["-static-executable"])]

// The node's program has 164,000 relocations and 67,000 names that nobody asks it for: without them it is 11 MB smaller,
// most of which would be resident from the first moment.
let compactExecutable: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
        ], .when(configuration: .release))
]

let package = Package(
    name: "minikube-lite",
    products: [
        .executable(name: "minikube-lite", targets: ["minikube-lite"]),
        .executable(name: "pod-shim", targets: ["pod-shim"]),
        .executable(name: "image-unpacker", targets: ["image-unpacker"]),
        .executable(name: "myapp", targets: ["myapp"]),
        .executable(name: "workload", targets: ["workload"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.20.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The command line: the one program that people start.
        .executableTarget(
            name: "minikube-lite",
            dependencies: [
                "ControlPlane", "NodeAgent", "ClusterDNS", "Laboratory", "KubernetesAPI", "PodRuntime", "LinuxKernel",
                "InternetAddress",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict, linkerSettings: compactExecutable),
        // Store, API server, controllers. Never PodRuntime.
        .target(
            name: "ControlPlane",
            dependencies: [
                "KubernetesAPI", "InternetAddress", "LinuxKernel", "Failpoint", "CZlib",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict),
        // The mini-kubelet.
        .target(
            name: "NodeAgent",
            dependencies: [
                "KubernetesAPI", "PodRuntime", "InternetAddress", "LinuxKernel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        // Experiments with limits: what is tried, run through the API, sampled on cgroups, written down and drawn.
        .target(
            name: "Laboratory",
            dependencies: [
                "KubernetesAPI", "PodRuntime", "LinuxKernel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        // API types and machinery, and the client. No Linux, no server.
        .target(
            name: "KubernetesAPI",
            dependencies: [
                "InternetAddress",
                .product(name: "Yams", package: "Yams"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict),
        // Names of the cluster's services, and the rest from the host's resolvers.
        .target(
            name: "ClusterDNS",
            dependencies: [
                "KubernetesAPI", "InternetAddress",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        // Pods on Linux. No Kubernetes types.
        .target(
            name: "PodRuntime",
            dependencies: [
                "LinuxKernel", "InternetAddress", "ShimProtocol", "Failpoint",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        // One tiny supervisor per pod. Neither Foundation nor concurrency.
        .executableTarget(
            name: "pod-shim", dependencies: ["LinuxKernel", "ShimProtocol", "Failpoint"], swiftSettings: strict,
            linkerSettings: staticExecutable),
        // The jailed helper that unpacks archives; the only one that links libarchive.
        .executableTarget(
            name: "image-unpacker", dependencies: ["LinuxKernel", "CArchive"], swiftSettings: strict),
        // Named points where a test may kill the process. No dependencies, so that every layer can have them.
        .target(name: "Failpoint", swiftSettings: strict),
        // IP addresses and networks as values. No dependencies, so that every layer can have them.
        .target(name: "InternetAddress", swiftSettings: strict),
        .target(name: "ShimProtocol", dependencies: ["LinuxKernel"], swiftSettings: strict),
        .target(name: "LinuxKernel", dependencies: ["InternetAddress", "CLinux"], swiftSettings: strict),
        .target(
            name: "CLinux", dependencies: ["CSeccomp", "CCap"],
            cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        // Compressed answers.
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        // The demo server of examples/deployment.yaml; part of rootfs/myapp.
        .executableTarget(name: "myapp", swiftSettings: strict, linkerSettings: staticExecutable),

        // What the experiments of examples/experiments put limits on; part of rootfs/workload.
        .executableTarget(
            name: "workload",
            cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: staticExecutable),

        // Measures a running node from outside (`make bench`).
        .executableTarget(
            name: "benchmark",
            dependencies: [
                "KubernetesAPI", "PodRuntime", "InternetAddress", "LinuxKernel",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        // The client of tests and benchmarks that no failed request escapes.
        .executableTarget(
            name: "load-client", path: "Tests/load-client",
            cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: staticExecutable),
        // A peer for tests of the network.
        .executableTarget(
            name: "responder", path: "Tests/responder",
            cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: staticExecutable),
        // What sampling costs at least, in C, beside our own.
        .executableTarget(
            name: "sampler-loop", path: "Tests/sampler-loop", cSettings: [.define("_GNU_SOURCE")],
            linkerSettings: staticExecutable),
        // The containers' program in tests and benchmarks.
        .executableTarget(
            name: "payload", path: "Tests/payload",
            linkerSettings: staticExecutable),
        // An agent without a node, for tests that kill it.
        .executableTarget(
            name: "runtime-driver",
            dependencies: [
                "PodRuntime", "InternetAddress", "LinuxKernel", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/runtime-driver", swiftSettings: strict),

        .testTarget(name: "InternetAddressTests", dependencies: ["InternetAddress"], swiftSettings: strict),
        .testTarget(name: "ClusterDNSTests", dependencies: ["ClusterDNS"], swiftSettings: strict),
        .testTarget(name: "LinuxKernelTests", dependencies: ["LinuxKernel", "InternetAddress"], swiftSettings: strict),
        .testTarget(name: "ShimProtocolTests", dependencies: ["ShimProtocol"], swiftSettings: strict),
        .testTarget(name: "PodRuntimeTests", dependencies: ["PodRuntime", "InternetAddress"], swiftSettings: strict),
        // Run inside a virtual machine, by scripts/test-vm.
        .testTarget(
            name: "VMTests", dependencies: ["PodRuntime", "InternetAddress", "NodeHarness"], swiftSettings: strict),
        .testTarget(name: "KubernetesAPITests", dependencies: ["KubernetesAPI", "Fuzzing"], swiftSettings: strict),
        // Inputs from Tests/Corpus, changed by a seed.
        .target(name: "Fuzzing", path: "Tests/Fuzzing", swiftSettings: strict),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ControlPlane", "InternetAddress", "Fuzzing",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests", dependencies: ["minikube-lite", "KubernetesAPI", "InternetAddress"],
            swiftSettings: strict),
        // Starts the built programs: it depends on none of them, since the static ones cannot be linked into a bundle.
        .testTarget(
            name: "EndToEndTests", dependencies: ["NodeHarness"],
            exclude: [
                "Commands/Lacks", "Commands/Manifests", "Commands/Python", "Commands/Recordings", "Commands/Scenarios",
                "Commands/Transcripts",
            ],
            swiftSettings: strict),
        // A whole node of a test's own, started and removed from outside.
        .target(
            name: "NodeHarness", dependencies: ["LinuxKernel"], path: "Tests/NodeHarness", swiftSettings: strict),
        .testTarget(name: "NodeAgentTests", dependencies: ["NodeAgent", "InternetAddress"], swiftSettings: strict),
        .testTarget(name: "LaboratoryTests", dependencies: ["Laboratory"], swiftSettings: strict),
    ]
)
