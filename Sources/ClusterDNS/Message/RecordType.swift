/// The type of a record or of a question (IANA, "Resource Record (RR) TYPEs").
struct RecordType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    let rawValue: UInt16

    static let a = RecordType(rawValue: 1)
    static let ns = RecordType(rawValue: 2)
    static let md = RecordType(rawValue: 3)
    static let mf = RecordType(rawValue: 4)
    static let cname = RecordType(rawValue: 5)
    static let soa = RecordType(rawValue: 6)
    static let mb = RecordType(rawValue: 7)
    static let mg = RecordType(rawValue: 8)
    static let mr = RecordType(rawValue: 9)
    static let ptr = RecordType(rawValue: 12)
    static let minfo = RecordType(rawValue: 14)
    static let mx = RecordType(rawValue: 15)
    static let txt = RecordType(rawValue: 16)
    static let rp = RecordType(rawValue: 17)
    static let afsdb = RecordType(rawValue: 18)
    static let rt = RecordType(rawValue: 21)
    static let sig = RecordType(rawValue: 24)
    static let px = RecordType(rawValue: 26)
    static let aaaa = RecordType(rawValue: 28)
    static let nxt = RecordType(rawValue: 30)
    static let srv = RecordType(rawValue: 33)
    static let naptr = RecordType(rawValue: 35)
    static let kx = RecordType(rawValue: 36)
    static let dname = RecordType(rawValue: 39)
    static let opt = RecordType(rawValue: 41)
    static let any = RecordType(rawValue: 255)

    /// 0, OPT, and what asks for more than one type or for a transfer (RFC 6895 section 3.1: 128 to 255): no record has
    /// such a type.
    var isMeta: Bool { rawValue == 0 || self == .opt || (128...255).contains(rawValue) }

    var description: String { "TYPE\(rawValue)" }
}

/// How a question was answered: four bits of the header, eight more of EDNS (RFC 6891).
struct ResponseCode: RawRepresentable, Sendable, Hashable {
    let rawValue: UInt16

    static let noError = ResponseCode(rawValue: 0)
    static let formatError = ResponseCode(rawValue: 1)
    static let serverFailure = ResponseCode(rawValue: 2)
    /// NXDOMAIN: there is nothing of that name, nor below it.
    static let nameError = ResponseCode(rawValue: 3)
    static let notImplemented = ResponseCode(rawValue: 4)
    static let refused = ResponseCode(rawValue: 5)
    /// BADVERS.
    static let badVersion = ResponseCode(rawValue: 16)

    /// As tools write it.
    var name: String {
        switch self {
        case .noError: "NOERROR"
        case .formatError: "FORMERR"
        case .serverFailure: "SERVFAIL"
        case .nameError: "NXDOMAIN"
        case .notImplemented: "NOTIMP"
        case .refused: "REFUSED"
        case .badVersion: "BADVERS"
        default: "RCODE\(rawValue)"
        }
    }
}
