/// Who writes fields of an object, and how: what one entry of `metadata.managedFields` stands for.
public struct FieldManager: Sendable, Hashable {
    public enum Operation: String, Sendable { case apply = "Apply", update = "Update" }

    /// E.g. `kubectl-client-side-apply`; at most 128 bytes.
    public var name: String
    public var operation: Operation
    /// The version of the API in which the fields are named. Someone who applies is the same in all versions.
    public var apiVersion: String
    /// Empty for the whole object.
    public var subresource: String

    public init(_ name: String, _ operation: Operation, apiVersion: String, subresource: String = "") {
        self.name = name
        self.operation = operation
        self.apiVersion = apiVersion
        self.subresource = subresource
    }

    /// Longer names are refused, and user agents cut (`FieldManagerMaxLength`).
    public static let maximumNameLength = 128

    /// Owns what was there before somebody applied for the first time to an object without managers.
    static func beforeFirstApply(_ apiVersion: String) -> FieldManager {
        FieldManager("before-first-apply", .update, apiVersion: apiVersion)
    }

    /// The name of who does not give one: what a `User-Agent` says before its first slash.
    public static func name(userAgent: String) -> String {
        var name = ""
        for character in userAgent.prefix(while: { $0 != "/" }) where isPrintable(character) {
            guard name.utf8.count + character.utf8.count <= maximumNameLength else { break }
            name.append(character)
        }
        return name
    }

    /// Whether a name may be one, as far as its characters go.
    public static func isPrintable(_ name: String) -> Bool { name.allSatisfy(isPrintable) }

    private static func isPrintable(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
            case .spaceSeparator: scalar == " "
            default: true
            }
        }
    }

    /// Whether the other entry is the same one's.
    func isSame(as other: FieldManager) -> Bool {
        name == other.name && operation == other.operation && subresource == other.subresource
            && (operation == .apply || apiVersion == other.apiVersion)
    }

    /// As messages name it: `"kubectl" with subresource "scale" using apps/v1`.
    var title: String {
        var title = JSONValue.string(name).text
        if !subresource.isEmpty { title += " with subresource \(JSONValue.string(subresource).text)" }
        if operation == .update { title += " using \(apiVersion)" }
        return title
    }
}
