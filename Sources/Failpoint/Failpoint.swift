import Glibc
import Synchronization

/// Named points where a test can end the process as `kill -9` would.
///
/// They are in every build: a point that is not armed costs one load and one branch. Two environment variables arm
/// them, read once:
/// - `MINIKUBE_LITE_FAILPOINT=name[:count]` ends the process when the point `name` is reached for the `count`th time
///   (the first where no count is given).
/// - `MINIKUBE_LITE_FAILPOINT_SEED=seed:probability` ends it at any point with the given probability (0 to 1), drawn
///   from a generator with that seed, so that a run can be repeated.
///
/// Names read `area.object.moment`, e.g. `record.container.renamed` or `shim.send.launch`.
public enum Failpoint {
    /// Ends the process here if this point is armed.
    @inline(__always)
    public static func hit(_ name: StaticString) {
        guard let armed = Armed.shared else { return }
        armed.reach(name)
    }

    /// Whether any point is armed in this process.
    public static var isArmed: Bool { Armed.shared != nil }
}

/// What is armed in this process; nil, decided once, where nothing is.
private final class Armed: Sendable {
    static let shared = Armed()

    private let name: String?
    private let count: Int
    private let seed: UInt64
    /// Reached when a draw of 64 bits is below it.
    private let threshold: UInt64
    private let hits = Atomic<Int>(0)
    private let draws = Atomic<UInt64>(0)

    private init?() {
        if let value = getenv("MINIKUBE_LITE_FAILPOINT").map({ String(cString: $0) }), !value.isEmpty {
            let parts = value.split(separator: ":", maxSplits: 1)
            name = String(parts[0])
            count = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
            seed = 0
            threshold = 0
        } else if let value = getenv("MINIKUBE_LITE_FAILPOINT_SEED").map({ String(cString: $0) }), !value.isEmpty {
            let parts = value.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let seed = UInt64(parts[0]), let probability = Double(String(parts[1])),
                probability > 0
            else { return nil }
            name = nil
            count = 0
            self.seed = seed
            threshold = probability >= 1 ? .max : UInt64(probability * 0x1p64)
        } else {
            return nil
        }
    }

    func reach(_ point: StaticString) {
        if let name {
            guard point.description == name else { return }
            if hits.add(1, ordering: .relaxed).newValue == count { die(at: point) }
        } else {
            let draw = draws.add(1, ordering: .relaxed).newValue
            if splitMix(seed &+ draw &* 0x9E37_79B9_7F4A_7C15) < threshold { die(at: point) }
        }
    }

    private func die(at point: StaticString) {
        let line = "failpoint: \(point) ends process \(getpid())\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
        kill(getpid(), SIGKILL)
    }

    private func splitMix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
