import Glibc
import LinuxKernel

/// `io.max` (bytes and operations per second, by device) and `io.weight` (a share of a busy device).
enum IOController: CgroupController {
    static let name = "io"
    static let legacyName = "blkio"
    static let laterFiles = ["io.weight": "a kernel with CONFIG_BLK_CGROUP_IOCOST"]

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings = resources.ioMax.map { limit in
            func word(_ number: Int64?) -> String { number.flatMap { $0 == .max ? nil : "\($0)" } ?? "max" }
            return CgroupSetting(
                file: "io.max", key: limit.device,
                value: "rbps=\(word(limit.readBytes)) wbps=\(word(limit.writeBytes)) "
                    + "riops=\(word(limit.readOperations)) wiops=\(word(limit.writeOperations))",
                initial: "rbps=max wbps=max riops=max wiops=max")
        }
        if let weight = resources.ioWeight, weight != 100 {
            settings.append(
                CgroupSetting(
                    file: "io.weight", key: "default", value: "\(min(max(weight, 1), 10_000))", initial: "100"))
        }
        return settings
    }

    /// Puts `major:minor` in the place of paths, one entry per device.
    ///
    /// - Throws: `RuntimeError(.configuration)` for what is no block device, is a partition, or is named twice.
    static func resolve(_ limits: [IOLimit]) throws -> [IOLimit] {
        var resolved: [IOLimit] = []
        for limit in limits {
            var limit = limit
            let named = limit.device
            limit.device = try resolve(named)
            guard !resolved.contains(where: { $0.device == limit.device }) else {
                throw refusal(named, "device \(limit.device) is named twice")
            }
            resolved.append(limit)
        }
        return resolved
    }

    private static func resolve(_ device: String) throws -> String {
        guard device.hasPrefix("/") else {
            let numbers = device.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
            guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else {
                throw refusal(device, "name a device as major:minor or by its path")
            }
            return "\(major):\(minor)"
        }
        var facts = stat()
        do throws(SystemError) {
            // Links are followed: /dev/disk/by-id is made of them.
            try retryingOnInterrupt("stat", device) { stat(device, &facts) }
        } catch { throw refusal(device, error.reason) }
        guard FileAccess.kind(mode: facts.st_mode) == .blockDevice else { throw refusal(device, "not a block device") }
        // gnu_dev_major and gnu_dev_minor: macros that Swift does not see.
        let number = UInt64(facts.st_rdev)
        let major = (number >> 8 & 0xfff) | (number >> 32 & ~0xfff)
        let minor = (number & 0xff) | (number >> 12 & ~0xff)
        let place = "/sys/dev/block/\(major):\(minor)"
        if FileAccess.exists("\(place)/partition") {
            let disk = (try? FileAccess.linkTarget(place)).map { FileAccess.split(FileAccess.split($0).directory).name }
            throw refusal(device, "a partition; the kernel limits whole disks: /dev/\(disk ?? "...")")
        }
        return "\(major):\(minor)"
    }

    private static func refusal(_ device: String, _ why: String) -> RuntimeError {
        RuntimeError(.configuration, step: "cgroup", object: device, message: "io.max \(device): \(why)")
    }
}
