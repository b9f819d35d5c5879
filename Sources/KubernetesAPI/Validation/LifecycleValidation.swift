extension Lifecycle {
    /// `validateLifecycle`.
    func validate(of pod: PodSpec, at path: FieldPath, into errors: inout FieldErrors) {
        let grace = pod.terminationGracePeriodSeconds
        postStart?.validate(grace: grace, at: path.child("postStart"), into: &errors)
        preStop?.validate(grace: grace, at: path.child("preStop"), into: &errors)
        guard let stopSignal else { return }
        if pod.os == nil {
            errors.forbidden(
                path.child("stopSignal"), "may not be set for containers with empty `spec.os.name`")
        } else if !Self.signals.contains(stopSignal.rawValue) {
            errors.notSupported(path.child("stopSignal"), stopSignal.rawValue, Self.signals)
        }
    }

    /// Linux's, by the names that KEP-4960 gives them.
    private static let signals: [String] =
        [
            "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
            "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
            "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
        ].map { "SIG\($0)" } + (1...15).map { "SIGRTMIN+\($0)" } + (1...14).map { "SIGRTMAX-\($0)" }
}

extension LifecycleHandler {
    /// `validateHandler`.
    fileprivate func validate(grace: Int64?, at path: FieldPath, into errors: inout FieldErrors) {
        let handlers: [(name: String, isSet: Bool)] = [
            ("exec", exec != nil), ("httpGet", httpGet != nil), ("tcpSocket", tcpSocket != nil),
            ("sleep", sleep != nil),
        ].filter(\.isSet)
        if handlers.isEmpty { errors.required(path, "must specify a handler type") }
        for extra in handlers.dropFirst() {
            errors.forbidden(path.child(extra.name), "may not specify more than 1 handler type")
        }
        if let exec, exec.command.isEmpty { errors.required(path.child("exec").child("command")) }
        httpGet?.validate(at: path.child("httpGet"), into: &errors)
        if let tcpSocket { errors.requirePort(path.child("tcpSocket").child("port"), tcpSocket.port) }
        if let sleep, let grace, !(0...max(grace, 0)).contains(sleep.seconds) {
            errors.invalid(
                path.child("sleep"), sleep.seconds,
                "must be non-negative and less than terminationGracePeriodSeconds (\(grace))")
        }
    }
}
