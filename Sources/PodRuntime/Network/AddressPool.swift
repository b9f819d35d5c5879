import Foundation
import InternetAddress
import LinuxKernel

/// Which pod has which addresses: facts in one small file per pod, so that they outlive the agent.
///
/// What is given is a number: the pod's addresses are that far from the beginning of each range, and its device is named
/// after it. With two families the smaller range says how many there are.
/// ```
///   free -- claim --> held -- release --> leaving -- its device is gone --> free
/// ```
/// The directory is on the run-time tmpfs: after a reboot no device is left, and no address taken.
struct AddressPool: Sendable {
    /// How far addresses are from the beginning of their ranges. 0 is the network itself, 1 the bridge's.
    typealias Number = UInt32

    struct Lease: Sendable, Hashable, Codable {
        /// The pod.
        var id: String
        /// The host's end of its veth.
        var device: String
        /// Released; the address is not given again before the device is seen to be gone.
        var leaving: Bool
        /// What the pod was given; nil from an earlier version: the address that the file is named after.
        var addresses: [IPAddress]?
    }

    /// One, or one of each family.
    let ranges: [IPRange]
    let directory: String
    private(set) var leases: [Number: Lease] = [:]
    /// Files that could not be read; they are left where they are, and their address is not given out.
    private(set) var unreadable: [String] = []
    /// Where the search for a free number begins, so that one that has just been freed rests for a while.
    private var cursor: Number = 2

    /// Restores what is on disk.
    ///
    /// - Parameter ranges: not empty.
    init(ranges: [IPRange], directory: String) throws {
        self.ranges = ranges
        self.directory = directory
        try FileAccess.makeDirectories(directory, mode: 0o700)
        for name in try FileAccess.list(directory) where name.hasPrefix(".tmp-") {
            try? FileAccess.remove("\(directory)/\(name)")
        }
        (leases, unreadable) = try Self.read(directory, ranges: ranges)
    }

    /// What is on disk; changes nothing. A record that cannot be read holds its address for nobody.
    static func read(
        _ directory: String, ranges: [IPRange]
    ) throws -> (leases: [Number: Lease], unreadable: [String]) {
        var leases: [Number: Lease] = [:]
        var unreadable: [String] = []
        guard let range = ranges.first, FileAccess.exists(directory) else { return (leases, unreadable) }
        for name in try FileAccess.list(directory) {
            guard let address = IPAddress(name), let offset = range.offset(of: address),
                let number = Number(exactly: offset)
            else { continue }
            let path = "\(directory)/\(name)"
            let bytes = (try? FileAccess.read(path)) ?? [0]
            // What a machine leaves that lost its power: its pods are gone.
            if bytes.isEmpty { continue }
            if var lease = try? JSONDecoder().decode(Lease.self, from: Data(bytes)) {
                lease.addresses = lease.addresses ?? [address]
                leases[number] = lease
            } else {
                unreadable.append(path)
                leases[number] = Lease(id: "", device: "", leaving: false, addresses: [address])
            }
        }
        return (leases, unreadable)
    }

    func number(of id: String) -> Number? { leases.first { $0.value.id == id && !$0.value.leaving }?.key }

    /// What the holder of a number has; what it would be given, where nobody has it.
    func addresses(of number: Number) -> [IPAddress] {
        leases[number]?.addresses ?? ranges.compactMap { $0.address(at: UInt128(number)) }
    }

    /// The last number that can be given: an IPv4 range's last address is its broadcasts', and a device's name has room
    /// for six hexadecimal digits.
    private var last: Number {
        ranges.map { $0.family == .v4 ? $0.lastOffset - 1 : $0.lastOffset }
            .reduce(0xff_ffff) { min($0, Number(clamping: $1)) }
    }

    /// Takes a free number for a pod and writes it down.
    ///
    /// - Parameter device: names the device for a number.
    mutating func claim(id: String, device: (Number) -> String) throws -> Number {
        let (first, last): (Number, Number) = (2, last)
        guard last >= first else { throw exhausted() }
        for _ in first...last {
            let number = cursor
            cursor = cursor >= last ? first : cursor + 1
            if leases[number] != nil { continue }
            let lease = Lease(id: id, device: device(number), leaving: false, addresses: addresses(of: number))
            try write(lease, number)
            leases[number] = lease
            return number
        }
        throw exhausted()
    }

    private func exhausted() -> RuntimeError {
        let leaving = leases.values.count { $0.leaving }
        let words = ranges.map(\.description).joined(separator: ",")
        return RuntimeError(
            .sandbox, step: "address", object: words,
            message: """
                no address is left in \(words): \(leases.count - leaving) in use, \(leaving) not free yet; start the node \
                with a larger pod CIDR or remove pods
                """)
    }

    /// The pod is gone, its device perhaps not yet.
    mutating func release(_ number: Number) throws {
        guard var lease = leases[number], !lease.leaving else { return }
        lease.leaving = true
        leases[number] = lease
        try write(lease, number)
    }

    /// The device is gone: the addresses may be given again.
    mutating func free(_ number: Number) throws {
        guard leases.removeValue(forKey: number) != nil else { return }
        do throws(SystemError) {
            try FileAccess.remove(path(number))
        } catch {
            // ENOENT
            if error.errno != 2 { throw error }
        }
    }

    private func path(_ number: Number) -> String {
        "\(directory)/\(IPAddress(ranges[0].family, ranges[0].network.value + UInt128(number)))"
    }

    /// Not flushed to a disk, where it is on one: no address outlives the machine's run.
    private func write(_ lease: Lease, _ number: Number) throws {
        try FileAccess.replace(path(number), with: Array(try JSONEncoder().encode(lease)), durable: false)
    }
}
