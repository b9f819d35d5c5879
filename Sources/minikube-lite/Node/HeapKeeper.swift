import LinuxKernel
import Logging
import PodRuntime
import ServiceLifecycle

/// Gives memory back that a burst has left behind: the C library keeps what was freed, and a list of ten thousand
/// objects or five thousand connections would stay resident for good.
struct HeapKeeper: Service {
    /// How often it looks. What is given back is asked for again at a price, so it is no hurry.
    static let period = Duration.seconds(30)
    /// Less than this is left where it is, in bytes.
    static let least = 8 << 20

    let logger: Logger

    func run() async throws {
        let workers = BlockingPool(name: "heap", threads: 1)
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.period)) != nil {
                // A look that takes too long is made again.
                try? await workers.run { look() }
            }
        }
    }

    private func look() {
        let usage = Heap.usage
        guard Self.isWorthIt(usage) else { return }
        Heap.trim()
        logger.debug("gave free memory back", metadata: ["free": "\(usage.free)", "inUse": "\(usage.inUse)"])
    }

    /// A quarter of what is in use may be free: the next burst takes it.
    static func isWorthIt(_ usage: Heap.Usage) -> Bool { usage.free > max(least, usage.inUse / 4) }
}
