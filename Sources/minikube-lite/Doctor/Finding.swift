import Foundation

/// One thing that `doctor` looked at.
struct Finding: Hashable {
    enum Severity: String {
        case ok
        /// The node runs, with less than all of it.
        case degraded
        /// The node cannot run.
        case broken
    }

    /// What was looked at, e.g. `kernel` or `cgroup controller cpu`.
    var subject: String
    var severity: Severity
    /// What was found.
    var fact: String
    /// What to do about it; empty where there is nothing to do.
    var remedy: String

    init(_ subject: String, _ severity: Severity, _ fact: String, remedy: String = "") {
        self.subject = subject
        self.severity = severity
        self.fact = fact
        self.remedy = remedy
    }

    /// One line, and a second one with the remedy.
    var text: String {
        let mark = severity.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
        return "\(mark)  \(subject): \(fact)" + (remedy.isEmpty ? "" : "\n          -> \(remedy)")
    }
}
