/// Where names are in the data of a record type: RFC 3597 section 4 lists the types whose senders may compress them.
/// The data of all other types are bytes without a meaning.
struct RecordLayout: Sendable {
    enum Field: Sendable {
        case bytes(Int)
        case name
        /// A length byte and as many bytes.
        case string
        /// All that is left.
        case rest
    }

    let fields: [Field]
    /// Only the types of RFC 1035 may be compressed by a sender of today.
    let mayCompress: Bool

    private init(_ fields: Field..., mayCompress: Bool = false) {
        self.fields = fields
        self.mayCompress = mayCompress
    }

    private static let name = RecordLayout(.name, mayCompress: true)
    private static let redirection = RecordLayout(.name)
    private static let authority = RecordLayout(.name, .name, .bytes(20), mayCompress: true)
    private static let mailboxes = RecordLayout(.name, .name, mayCompress: true)
    private static let exchange = RecordLayout(.bytes(2), .name, mayCompress: true)
    private static let preference = RecordLayout(.bytes(2), .name)
    private static let persons = RecordLayout(.name, .name)
    private static let mapping = RecordLayout(.bytes(2), .name, .name)
    private static let service = RecordLayout(.bytes(6), .name)
    private static let rule = RecordLayout(.bytes(4), .string, .string, .string, .name)
    private static let signature = RecordLayout(.bytes(18), .name, .rest)
    private static let next = RecordLayout(.name, .rest)
    private static let address4 = RecordLayout(.bytes(4))
    private static let address6 = RecordLayout(.bytes(16))

    /// Nil where the data are opaque.
    static func of(_ type: RecordType) -> RecordLayout? {
        switch type {
        case .a: address4
        case .aaaa: address6
        case .ns, .md, .mf, .cname, .mb, .mg, .mr, .ptr: name
        case .soa: authority
        case .minfo: mailboxes
        case .mx: exchange
        case .rp: persons
        case .afsdb, .rt, .kx: preference
        case .px: mapping
        case .srv: service
        case .naptr: rule
        case .sig: signature
        case .nxt: next
        case .dname: redirection
        default: nil
        }
    }
}
