/// The unit of a factor, a measure or a series, by its symbol. Any symbol is a unit; the constants are those that the
/// report knows to scale: bytes to KiB and MiB, cores to millicores, seconds to milliseconds.
public struct ExperimentUnit: RawRepresentable, Sendable, Hashable, Codable {
    /// As it stands in headers and on axes; empty for a plain number.
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ symbol: String) { rawValue = symbol }

    /// A plain number: a weight, a ratio.
    public static let none = ExperimentUnit("")
    public static let bytes = ExperimentUnit("B")
    public static let bytesPerSecond = ExperimentUnit("B/s")
    /// CPUs; 0.25 is 250m.
    public static let cores = ExperimentUnit("cores")
    public static let seconds = ExperimentUnit("s")
    public static let milliseconds = ExperimentUnit("ms")
    public static let microseconds = ExperimentUnit("us")
    public static let nanoseconds = ExperimentUnit("ns")
    /// 0 to 100.
    public static let percent = ExperimentUnit("%")
    public static let count = ExperimentUnit("count")
    public static let perSecond = ExperimentUnit("1/s")

    public init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}
