/// A size of huge pages, with its names: `hugepages-2Mi` is Kubernetes' resource, `2MB` the kernel's name in
/// `hugetlb.2MB.max`. Both mean powers of 1024.
public struct HugePageSize: Sendable, Hashable {
    /// A power of two, 4096 or more.
    public let bytes: Int64

    static let resourcePrefix = "hugepages-"

    /// Nil where the name is none of huge pages, or the size is no power of two.
    public init?(resource: String) {
        guard resource.hasPrefix(Self.resourcePrefix) else { return nil }
        let quantity = Quantity(String(resource.dropFirst(Self.resourcePrefix.count)))
        guard let parsed = quantity.parsed, parsed.nanos % Quantity.nanosPerUnit == 0 else { return nil }
        self.init(bytes: quantity.value)
    }

    /// From the kernel's name: `64KB`, `2MB`, `1GB`.
    public init?(kernelName: String) {
        let units: [String: Int64] = ["KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30]
        guard let unit = units[String(kernelName.suffix(2))], let count = Int64(kernelName.dropLast(2)),
            (1..<1024).contains(count), !kernelName.hasPrefix("+"), !kernelName.hasPrefix("0")
        else { return nil }
        self.init(bytes: count * unit)
    }

    /// From `hugetlb.2MB.max`.
    init?(limitFile: String) {
        let parts = limitFile.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "hugetlb", parts[2] == "max" else { return nil }
        self.init(kernelName: String(parts[1]))
    }

    private init?(bytes: Int64) {
        guard bytes >= 4096, bytes & (bytes - 1) == 0 else { return nil }
        self.bytes = bytes
    }

    /// E.g. `2MB` (`hugetlb_format_size`).
    public var kernelName: String {
        if bytes >= 1 << 30 { return "\(bytes >> 30)GB" }
        return bytes >= 1 << 20 ? "\(bytes >> 20)MB" : "\(bytes >> 10)KB"
    }

    /// E.g. `hugepages-2Mi`.
    public var resource: String { Self.resourcePrefix + Quantity(bytes, format: .binary).text }
}
