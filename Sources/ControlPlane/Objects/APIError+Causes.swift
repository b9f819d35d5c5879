import KubernetesAPI

/// The refusals of the API server, in Kubernetes' words: clients and scripts match on them.
extension APIError {
    private static func details(of resource: ServedResource, _ name: String) -> StatusDetails {
        var details = StatusDetails()
        details.name = name
        details.group = resource.kind.group
        details.kind = resource.plural
        return details
    }

    static func badRequest(_ message: String) -> APIError {
        APIError(code: 400, reason: .badRequest, message: message)
    }

    static let unauthorized = APIError(code: 401, reason: .unauthorized, message: "Unauthorized")

    static func forbidden(_ resource: ServedResource, _ name: String, because reason: String) -> APIError {
        let object = name.isEmpty ? resource.qualifiedName : "\(resource.qualifiedName) \"\(name)\""
        return APIError(
            code: 403, reason: .forbidden, message: "\(object) is forbidden: \(reason)",
            details: details(of: resource, name))
    }

    /// For paths that are not served at all.
    static let unknownPath = APIError(
        code: 404, reason: .notFound, message: "the server could not find the requested resource",
        details: StatusDetails())

    static func notFound(_ resource: ServedResource, _ name: String) -> APIError {
        APIError(
            code: 404, reason: .notFound, message: "\(resource.qualifiedName) \"\(name)\" not found",
            details: details(of: resource, name))
    }

    static func methodNotAllowed(_ message: String) -> APIError {
        APIError(code: 405, reason: .methodNotAllowed, message: message, details: StatusDetails())
    }

    static func alreadyExists(_ resource: ServedResource, _ name: String) -> APIError {
        APIError(
            code: 409, reason: .alreadyExists, message: "\(resource.qualifiedName) \"\(name)\" already exists",
            details: details(of: resource, name))
    }

    static func conflict(_ resource: ServedResource, _ name: String, _ problem: String) -> APIError {
        APIError(
            code: 409, reason: .conflict,
            message: "Operation cannot be fulfilled on \(resource.qualifiedName) \"\(name)\": \(problem)",
            details: details(of: resource, name))
    }

    static let objectWasModified =
        "the object has been modified; please apply your changes to the latest version and try again"

    /// 410: a watch or a continued list from before what is still known.
    static func expired(_ message: String) -> APIError {
        APIError(code: 410, reason: .expired, message: message)
    }

    static let bodyTooLarge = APIError(
        code: 413, reason: .requestEntityTooLarge,
        message: "Request entity too large: limit is \(RequestLimits.bodyBytes)")

    static func unsupportedMediaType(accepted: [String]) -> APIError {
        APIError(
            code: 415, reason: .unsupportedMediaType,
            message: "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }

    /// 422 with one cause.
    static func invalid(_ resource: ServedResource, _ name: String, field: String, _ problem: String) -> APIError {
        var details = StatusDetails()
        details.name = name
        details.group = resource.kind.group
        details.kind = resource.kind.kind
        var cause = StatusCause()
        cause.field = field
        cause.message = problem
        cause.reason = problem.hasPrefix("Required value") ? .fieldValueRequired : .fieldValueInvalid
        details.causes = [cause]
        let object = resource.kind.group.isEmpty ? resource.kind.kind : "\(resource.kind.kind).\(resource.kind.group)"
        return APIError(
            code: 422, reason: .invalid, message: "\(object) \"\(name)\" is invalid: \(field): \(problem)",
            details: details)
    }

    static func tooManyRequests(_ message: String, retryAfterSeconds: Int32) -> APIError {
        var details = StatusDetails()
        details.retryAfterSeconds = retryAfterSeconds
        return APIError(code: 429, reason: .tooManyRequests, message: message, details: details)
    }

    static func internalError(_ problem: String) -> APIError {
        var cause = StatusCause()
        cause.message = problem
        var details = StatusDetails()
        details.causes = [cause]
        return APIError(
            code: 500, reason: .internalError, message: "Internal error occurred: \(problem)", details: details)
    }

    /// 504: a body that trickles in.
    static let requestTooSlow = APIError(
        code: 504, reason: .timeout,
        message: "Timeout: request did not complete within the allotted timeout", details: StatusDetails())

    static func tooLargeResourceVersion(_ requested: Int64, current: Int64) -> APIError {
        var cause = StatusCause()
        cause.reason = .resourceVersionTooLarge
        cause.message = "Too large resource version"
        var details = StatusDetails()
        details.retryAfterSeconds = 1
        details.causes = [cause]
        return APIError(
            code: 504, reason: .timeout,
            message: "Timeout: Too large resource version: \(requested), current: \(current)", details: details)
    }
}
