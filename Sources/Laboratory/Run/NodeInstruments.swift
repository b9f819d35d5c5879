public import KubernetesAPI
import PodRuntime

/// The instruments of a real node: its cgroups on this machine, its logs through the API.
public struct NodeInstruments: TrialInstruments {
    private let transport: HTTPSTransport
    /// The cgroup below which the node's pods are.
    private let cgroupParent: String
    private let processes = BlockingPool(name: "loads", threads: 4)

    /// - Parameter cgroupParent: an absolute path, from the node's record.
    public init(transport: HTTPSTransport, cgroupParent: String) {
        self.transport = transport
        self.cgroupParent = cgroupParent
    }

    public func log(
        of container: String, pod: String, namespace: String
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let path = "/api/v1/namespaces/\(namespace)/pods/\(pod)/log"
        return try await transport.stream(
            HTTPSTransport.target(path, ["container": container, "follow": "true", "timestamps": "true"]))
    }

    public func observe(
        _ container: String, of pod: Pod, columns: [CgroupColumn], interval: Duration, origin: Int64,
        record: @escaping @Sendable (CgroupRow) -> Void
    ) throws -> any CgroupObservation {
        let level =
            switch pod.spec.qosClass {
            case .guaranteed: ""
            case .burstable: "/burstable"
            default: "/besteffort"
            }
        // The first attempt: a trial's containers are not restarted.
        return try CgroupObserver(
            .init(
                folder: cgroupParent + level, components: ["pod\(pod.metadata.uid)", "\(container)-0"],
                columns: columns, interval: interval, origin: origin),
            record: record)
    }

    public func run(
        _ words: [String], environment: [String: String], line: @escaping @Sendable (String) -> Void
    ) async throws -> (code: Int32, lastLine: String) {
        try await HostProcess.run(words, environment: environment, pool: processes, line: line)
    }
}
