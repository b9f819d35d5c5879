import KubernetesAPI

extension ProbeTarget {
    /// What a container's probe asks. Throws a sentence where it names a port that there is not.
    init(
        _ probe: Probe, container: Container, podAddress: String, version: String
    ) throws(ReferenceError) {
        if let action = probe.httpGet {
            self = .http(
                try HTTPProbeRequest(
                    action, container: container, podAddress: podAddress, agent: "kube-probe/\(version)"))
        } else if let action = probe.exec {
            self = .command(action.command)
        } else if let action = probe.tcpSocket {
            self = .tcp(
                host: action.host.isEmpty ? podAddress : action.host, port: try container.number(of: action.port))
        } else {
            throw ReferenceError(message: "missing probe handler")
        }
    }
}

extension HTTPProbeRequest {
    /// - Parameter agent: what the node calls itself.
    init(
        _ action: HTTPGetAction, container: Container, podAddress: String, agent: String
    ) throws(ReferenceError) {
        let host = action.host.isEmpty ? podAddress : action.host
        var headers = action.httpHeaders.map { (name: $0.name, value: $0.value) }
        // The kubelet's own, where the action does not bring them; empty ones take them away.
        for (name, value) in [("User-Agent", agent), ("Accept", "*/*")]
        where !headers.contains(where: { $0.name.lowercased() == name.lowercased() }) {
            headers.append((name, value))
        }
        headers.removeAll { ["user-agent", "accept"].contains($0.name.lowercased()) && $0.value.isEmpty }
        self.init(
            isTLS: action.scheme.rawValue.lowercased() == "https", host: host,
            port: try container.number(of: action.port),
            path: action.path.hasPrefix("/") ? action.path : "/" + action.path,
            headers: headers.map { Header(name: $0.name, value: $0.value) })
    }
}

extension Container {
    /// A port by number, or by its name among the container's ports.
    func number(of port: IntOrString?) throws(ReferenceError) -> Int {
        switch port {
        case .int(let number) where (1...65535).contains(number): return Int(number)
        case .string(let name):
            if let named = ports.first(where: { $0.name == name }) { return Int(named.containerPort) }
            if let number = Int(name), (1...65535).contains(number) { return number }
            throw ReferenceError(message: "couldn't find port: \(name)")
        default: throw ReferenceError(message: "invalid port number: \(port.map(String.init(describing:)) ?? "")")
        }
    }
}
