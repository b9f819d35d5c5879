import Foundation
import LinuxKernel

/// Which pod has which address: facts in one small file per address, so that they outlive the agent.
///
/// ```
///   free -- claim --> held -- release --> leaving -- its device is gone --> free
/// ```
/// The directory is on the run-time tmpfs: after a reboot no device is left, and no address taken.
struct AddressPool: Sendable {
    struct Lease: Sendable, Hashable, Codable {
        /// The pod.
        var id: String
        /// The host's end of its veth.
        var device: String
        /// Released; the address is not given again before the device is seen to be gone.
        var leaving: Bool
    }

    let range: IPv4Range
    let directory: String
    private(set) var leases: [UInt32: Lease] = [:]
    /// Files that could not be read; they are left where they are, and their address is not given out.
    private(set) var unreadable: [String] = []
    /// Where the search for a free address begins, so that one that has just been freed rests for a while.
    private var cursor: UInt32

    /// The bridge's own address: the first of the range.
    var gateway: UInt32 { range.network + 1 }

    /// Restores what is on disk.
    init(range: IPv4Range, directory: String) throws {
        self.range = range
        self.directory = directory
        cursor = range.network + 2
        try FileAccess.makeDirectories(directory, mode: 0o700)
        for name in try FileAccess.list(directory) where name.hasPrefix(".tmp-") {
            try? FileAccess.remove("\(directory)/\(name)")
        }
        (leases, unreadable) = try Self.read(directory, range: range)
    }

    /// What is on disk; changes nothing. A record that cannot be read holds its address for nobody.
    static func read(
        _ directory: String, range: IPv4Range
    ) throws -> (leases: [UInt32: Lease], unreadable: [String]) {
        var leases: [UInt32: Lease] = [:]
        var unreadable: [String] = []
        guard FileAccess.exists(directory) else { return (leases, unreadable) }
        for name in try FileAccess.list(directory) {
            guard let address = IPv4Range.address(name), range.contains(address) else { continue }
            let path = "\(directory)/\(name)"
            if let bytes = try? FileAccess.read(path),
                let lease = try? JSONDecoder().decode(Lease.self, from: Data(bytes))
            {
                leases[address] = lease
            } else {
                unreadable.append(path)
                leases[address] = Lease(id: "", device: "", leaving: false)
            }
        }
        return (leases, unreadable)
    }

    func address(of id: String) -> UInt32? { leases.first { $0.value.id == id && !$0.value.leaving }?.key }

    /// Takes a free address for a pod and writes it down.
    ///
    /// - Parameter device: names the device for an address.
    mutating func claim(id: String, device: (UInt32) -> String) throws -> UInt32 {
        let last = UInt32(truncatingIfNeeded: UInt64(range.network) + range.count - 2)
        let first = range.network + 2
        guard last >= first else { throw exhausted() }
        for _ in first...last {
            let address = cursor
            cursor = cursor >= last ? first : cursor + 1
            if leases[address] != nil { continue }
            let lease = Lease(id: id, device: device(address), leaving: false)
            try write(lease, address)
            leases[address] = lease
            return address
        }
        throw exhausted()
    }

    private func exhausted() -> RuntimeError {
        let leaving = leases.values.count { $0.leaving }
        return RuntimeError(
            .sandbox, step: "address", object: range.description,
            message: """
                no address is left in \(range): \(leases.count - leaving) in use, \(leaving) not free yet; start the node \
                with a larger pod CIDR or remove pods
                """)
    }

    /// The pod is gone, its device perhaps not yet.
    mutating func release(_ address: UInt32) throws {
        guard var lease = leases[address], !lease.leaving else { return }
        lease.leaving = true
        leases[address] = lease
        try write(lease, address)
    }

    /// The device is gone: the address may be given again.
    mutating func free(_ address: UInt32) throws {
        guard leases.removeValue(forKey: address) != nil else { return }
        do throws(SystemError) {
            try FileAccess.remove("\(directory)/\(IPv4Range.text(address))")
        } catch {
            // ENOENT
            if error.errno != 2 { throw error }
        }
    }

    private func write(_ lease: Lease, _ address: UInt32) throws {
        try FileAccess.replace(
            "\(directory)/\(IPv4Range.text(address))", with: Array(try JSONEncoder().encode(lease)))
    }
}
