import KubernetesAPI

/// The query of a request (`ListOptions`, `CreateOptions`, `PatchOptions`, ...), decoded and checked.
struct RequestOptions: Sendable {
    enum FieldValidation: String, Sendable {
        case strict = "Strict"
        case warn = "Warn"
        case ignore = "Ignore"
    }

    var labelSelector = ""
    var fieldSelector = ""
    /// Nil where none is asked for; 0 takes any version.
    var resourceVersion: Int64?
    var resourceVersionMatch = ""
    var limit = 0
    var continueToken = ""
    var allowWatchBookmarks = false
    var sendInitialEvents: Bool?
    var timeoutSeconds: Int64?
    var isDryRun = false
    var fieldManager = ""
    /// Of server-side apply: whether to take fields from others. Nil where the query does not say.
    var force: Bool?
    var fieldValidation = FieldValidation.warn
    /// The query as it came, for what only one subresource reads.
    var raw: [String: String]

    init(_ query: [String: String]) throws {
        raw = query
        func flag(_ name: String) -> Bool? { query[name].map(Self.isSet) }
        func number(_ name: String) throws -> Int64? {
            guard let text = query[name], !text.isEmpty else { return nil }
            guard let value = Int64(text) else { throw Self.unreadable(name, text) }
            return value
        }
        labelSelector = query["labelSelector"] ?? ""
        fieldSelector = query["fieldSelector"] ?? ""
        if let text = query["resourceVersion"], !text.isEmpty {
            guard let version = Int64(text), version >= 0 else {
                throw APIError.badRequest("resourceVersion: Invalid value: \"\(text)\": has to be a number")
            }
            resourceVersion = version
        }
        resourceVersionMatch = query["resourceVersionMatch"] ?? ""
        limit = Int(clamping: max(0, try number("limit") ?? 0))
        continueToken = query["continue"] ?? ""
        allowWatchBookmarks = flag("allowWatchBookmarks") ?? false
        sendInitialEvents = flag("sendInitialEvents")
        timeoutSeconds = try number("timeoutSeconds")
        fieldManager = query["fieldManager"] ?? ""
        force = flag("force")
        if let text = query["dryRun"] {
            guard text == "All" || text.isEmpty else {
                throw Self.invalidOption("dryRun", text, supported: ["All"])
            }
            isDryRun = text == "All"
        }
        if let text = query["fieldValidation"], !text.isEmpty {
            guard let validation = FieldValidation(rawValue: text) else {
                throw Self.invalidOption("fieldValidation", text, supported: ["Ignore", "Strict", "Warn"])
            }
            fieldValidation = validation
        }
        try checkVersionMatch()
    }

    /// The rules of `ValidateListOptions` on which parameters go together
    /// (apimachinery `internalversion/validation`).
    private func checkVersionMatch() throws {
        let isWatch = raw["watch"].map(Self.isSet) ?? false
        var errors = FieldErrors()
        let path = FieldPath("resourceVersionMatch")
        if isWatch {
            if sendInitialEvents != nil, resourceVersionMatch != "NotOlderThan" {
                errors.forbidden(path, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            }
            if !resourceVersionMatch.isEmpty {
                if sendInitialEvents == nil {
                    errors.forbidden(
                        path, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
                }
                if resourceVersionMatch != "NotOlderThan" {
                    errors.notSupported(path, resourceVersionMatch, ["NotOlderThan"])
                }
            }
        } else {
            if !resourceVersionMatch.isEmpty {
                if resourceVersion == nil {
                    errors.forbidden(path, "resourceVersionMatch is forbidden unless resourceVersion is provided")
                }
                if !["Exact", "NotOlderThan"].contains(resourceVersionMatch) {
                    errors.notSupported(path, resourceVersionMatch, ["Exact", "NotOlderThan", ""])
                }
                if resourceVersionMatch == "Exact", resourceVersion == 0 {
                    errors.forbidden(path, #"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#)
                }
            }
            if sendInitialEvents != nil {
                errors.forbidden(FieldPath("sendInitialEvents"), "sendInitialEvents is forbidden for list")
            }
        }
        if !resourceVersionMatch.isEmpty, !continueToken.isEmpty {
            errors.forbidden(path, "resourceVersionMatch is forbidden when continue is provided")
        }
        if let refusal = errors.refusal(of: Self.listOptions, name: "") { throw refusal }
    }

    private static let listOptions = GroupVersionKind(group: "meta.k8s.io", version: "v1", kind: "ListOptions")

    /// What a parameter that is there says, if it is a yes or a no (apimachinery `Convert_Slice_string_To_bool`).
    static func isSet(_ text: String) -> Bool { text != "0" && text.lowercased() != "false" }

    private static func unreadable(_ name: String, _ text: String) -> APIError {
        .badRequest("\(name): Invalid value: \"\(text)\"")
    }

    private static func invalidOption(_ name: String, _ value: String, supported: [String]) -> APIError {
        let list = supported.map { "\"\($0)\"" }.joined(separator: ", ")
        return APIError(
            code: 422, reason: .invalid,
            message: "Options.meta.k8s.io \"\" is invalid: \(name): Unsupported value: \"\(value)\": "
                + "supported values: \(list)")
    }
}
