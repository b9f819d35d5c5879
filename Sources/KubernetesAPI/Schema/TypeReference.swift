extension Schema {
    /// The type of a field, of a list's items or of a map's values.
    public indirect enum TypeReference: Sendable, Hashable {
        case scalar(Scalar)
        /// A string type with a name. `values` are its constants; `isClosed` says that the API takes no others
        /// (`+enum`), else further ones may come from users or later versions.
        case enumeration(name: String, values: [String], isClosed: Bool)
        /// Another structure; its name is a key of `Schema.structures`.
        case structure(String)
        case list(of: TypeReference)
        /// A map with strings as keys.
        case map(of: TypeReference)
    }

    /// What is neither structure, list nor map.
    public enum Scalar: String, Sendable, Hashable, CaseIterable {
        case string, int32, int64, boolean, double
        /// Base64 text in JSON.
        case bytes
        /// `resource.Quantity`: a string, or a number.
        case quantity
        case intOrString = "int-or-string"
        /// RFC 3339 in seconds, `metav1.Time`.
        case time = "date-time"
        /// RFC 3339 in microseconds, `metav1.MicroTime`.
        case microTime = "date-time-micro"
        /// Go's text of a duration, e.g. `1m30s`.
        case duration = "duration-string"
        /// Any JSON value (`runtime.RawExtension`).
        case raw
        /// Any JSON object (`FieldsV1`).
        case object
    }
}

extension Schema.TypeReference {
    /// The structure's name where this is a structure, a list or a map of one (at any depth).
    public var innermostStructure: String? {
        switch self {
        case .structure(let name): name
        case .list(let inner), .map(let inner): inner.innermostStructure
        case .scalar, .enumeration: nil
        }
    }

    /// The type as Go spells it; decoding errors name it so.
    public var goName: String {
        switch self {
        case .scalar(let scalar):
            switch scalar {
            case .string, .int32, .int64: scalar.rawValue
            case .boolean: "bool"
            case .double: "float64"
            case .bytes: "[]uint8"
            case .quantity: "resource.Quantity"
            case .intOrString: "intstr.IntOrString"
            case .time: "v1.Time"
            case .microTime: "v1.MicroTime"
            case .duration: "v1.Duration"
            case .raw: "runtime.RawExtension"
            case .object: "v1.FieldsV1"
            }
        case .enumeration(let name, _, _), .structure(let name):
            name.split(separator: ".").suffix(2).joined(separator: ".")
        case .list(let inner): "[]\(inner.goName)"
        case .map(let inner): "map[string]\(inner.goName)"
        }
    }
}
