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
        func flag(_ name: String) throws -> Bool? {
            switch query[name] {
            case nil, "": nil
            case "true", "1", "True", "TRUE", "t", "T": true
            case "false", "0", "False", "FALSE", "f", "F": false
            case let other?: throw Self.unreadable(name, other)
            }
        }
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
        allowWatchBookmarks = try flag("allowWatchBookmarks") ?? false
        sendInitialEvents = try flag("sendInitialEvents")
        timeoutSeconds = try number("timeoutSeconds")
        fieldManager = query["fieldManager"] ?? ""
        force = try flag("force")
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

    /// The rules of `ValidateListOptions` on which parameters go together.
    private func checkVersionMatch() throws {
        func refuse(_ field: String, _ problem: String) -> APIError {
            APIError(
                code: 422, reason: .invalid, message: "ListOptions.meta.k8s.io \"\" is invalid: \(field): \(problem)")
        }
        if sendInitialEvents != nil {
            guard resourceVersionMatch == "NotOlderThan" else {
                throw refuse(
                    "resourceVersionMatch",
                    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            }
            return
        }
        guard !resourceVersionMatch.isEmpty else { return }
        guard ["NotOlderThan", "Exact"].contains(resourceVersionMatch) else {
            throw refuse(
                "resourceVersionMatch",
                "Unsupported value: \"\(resourceVersionMatch)\": supported values: \"Exact\", \"NotOlderThan\"")
        }
        guard raw["watch"] != "true" && raw["watch"] != "1" else {
            throw refuse(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        }
        guard let resourceVersion else {
            throw refuse(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        guard continueToken.isEmpty else {
            throw refuse(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch is forbidden when continue is provided")
        }
        guard resourceVersionMatch != "Exact" || resourceVersion > 0 else {
            throw refuse(
                "resourceVersionMatch",
                "Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"")
        }
    }

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
