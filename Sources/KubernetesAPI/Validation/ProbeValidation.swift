extension Probe {
    enum Role { case liveness, readiness, startup }

    func validate(_ role: Role, at path: FieldPath, into errors: inout FieldErrors) {
        let handlers: [(name: String, isSet: Bool)] = [
            ("exec", exec != nil), ("httpGet", httpGet != nil), ("tcpSocket", tcpSocket != nil),
            ("grpc", grpc != nil),
        ].filter(\.isSet)
        if handlers.isEmpty { errors.required(path, "must specify a handler type") }
        for extra in handlers.dropFirst() {
            errors.forbidden(path.child(extra.name), "may not specify more than 1 handler type")
        }
        if let exec, exec.command.isEmpty { errors.required(path.child("exec").child("command")) }
        httpGet?.validate(at: path.child("httpGet"), into: &errors)
        if let tcpSocket { errors.requirePort(path.child("tcpSocket").child("port"), tcpSocket.port) }
        if let grpc { errors.requirePort(path.child("grpc").child("port"), grpc.port) }
        for (field, seconds) in [
            ("initialDelaySeconds", initialDelaySeconds), ("timeoutSeconds", timeoutSeconds),
            ("periodSeconds", periodSeconds), ("successThreshold", successThreshold),
            ("failureThreshold", failureThreshold),
        ] {
            errors.requireNotNegative(path.child(field), Int64(seconds))
        }
        if role != .readiness, successThreshold > 1 {
            errors.invalid(path.child("successThreshold"), successThreshold, "must be 1")
        }
        guard let grace = terminationGracePeriodSeconds else { return }
        if role == .readiness {
            errors.invalid(
                path.child("terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes")
        } else if grace <= 0 {
            errors.invalid(path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0")
        }
    }
}

extension HTTPGetAction {
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if self.path.isEmpty { errors.required(path.child("path")) }
        errors.requirePort(path.child("port"), port)
        errors.requireKnown(path.child("scheme"), scheme, of: [.http, .https])
        for (index, header) in httpHeaders.enumerated() {
            let isName =
                !header.name.isEmpty
                && header.name.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "-")
                }
            if !isName {
                errors.invalid(
                    path.child("httpHeaders")[index].child("name"), header.name,
                    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex "
                        + "used for validation is '[-A-Za-z0-9]+')")
            }
        }
    }
}
