import Glibc
import LinuxKernel
import Logging

/// The image store, as far as starting containers needs it.
public protocol LayerProvider: ImageProvider {
    /// Absolute directories of the image's unpacked layers, top first.
    func layers(of image: ImageInfo) throws -> [String]

    /// Keeps an image's layers while a sandbox runs from them, whatever happens to its name.
    func lease(_ image: ImageInfo, to sandbox: String) throws
    /// The sandbox is gone.
    func endLeases(of sandbox: String) throws
    /// Ends the leases of all other sandboxes, once after a start of the agent.
    func sweep(keeping sandboxes: Set<String>) throws
}

/// For providers whose images cannot be removed.
extension LayerProvider {
    public func lease(_ image: ImageInfo, to sandbox: String) throws {}
    public func endLeases(of sandbox: String) throws {}
    public func sweep(keeping sandboxes: Set<String>) throws {}
}

/// What all sandboxes of a node instance share.
struct Host: Sendable {
    let configuration: RuntimeConfiguration
    let bootID: String
    let cgroups: CgroupTree
    let network: PodNetwork
    let images: any LayerProvider
    let users: UserDatabase
    let shim: ShimImage
    let poller: ShimPoller
    /// nil where the kernel has no such programs: a container could then open what it makes nodes of.
    let deviceFilter: DeviceFilter?
    let sampling: Sampling
    let oomWatch: OOMWatch
    /// What this process may pass on.
    let permittedCapabilities: UInt64
    /// Short work on the way of a start: mounts, cgroups, records.
    let starts: BlockingPool
    /// Long work off that way: removing trees, waiting for processes.
    let removals: BlockingPool
    let events: AsyncStream<RuntimeEvent>.Continuation
    let logger: Logger

    /// An empty directory that masked paths show.
    var emptyDirectory: String { configuration.runDirectory + "/empty" }
    var podsDirectory: String { configuration.runDirectory + "/pods" }
    var sandboxesDirectory: String { configuration.dataDirectory + "/sandboxes" }

    /// CapPrm of this process.
    static func readPermittedCapabilities() -> UInt64 {
        let status = (try? FileAccess.readText("/proc/self/status")) ?? ""
        for line in status.split(separator: "\n") where line.hasPrefix("CapPrm:") {
            return UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16) ?? 0
        }
        return 0
    }
}
