import HTTPTypes
import KubernetesAPI

/// `/healthz`, `/livez`, `/readyz` and `/version`: what everybody may see.
struct HealthChecks: Sendable {
    /// Names and answers of the checks; nil is well, else what is wrong.
    let checks: [(name: String, check: @Sendable () -> String?)]
    let version: JSONValue

    /// Nil where the path is another one.
    func answer(_ path: RequestPath, _ method: HTTPRequest.Method) -> HTTPAnswer? {
        guard method == .get || method == .head, let first = path.components.first else { return nil }
        switch (first, path.components.count) {
        case ("version", 1):
            var answer = HTTPAnswer.json(version)
            answer.isForPeople = true
            return answer
        case ("healthz", 1), ("livez", 1), ("readyz", 1): return all(first, isVerbose: path.query["verbose"] != nil)
        case ("healthz", 2), ("livez", 2), ("readyz", 2):
            guard let check = checks.first(where: { $0.name == path.components[1] }) else { return nil }
            return check.check().map { .text("\($0)\n", code: 500) } ?? .text("ok")
        default: return nil
        }
    }

    private func all(_ path: String, isVerbose: Bool) -> HTTPAnswer {
        var lines = ""
        var isWell = true
        for (name, check) in checks {
            if let problem = check() {
                lines += "[-]\(name) failed: \(problem)\n"
                isWell = false
            } else {
                lines += "[+]\(name) ok\n"
            }
        }
        guard isWell else { return .text("\(lines)\(path) check failed\n", code: 500) }
        return .text(isVerbose ? "\(lines)\(path) check passed\n" : "ok")
    }
}
