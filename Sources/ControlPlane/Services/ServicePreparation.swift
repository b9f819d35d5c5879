import InternetAddress
import KubernetesAPI

/// What the API does with a Service between its defaults and its validation: the fields that go with a type come and go
/// with it, what was given out before is kept where the client does not say otherwise, and what is missing is given out
/// (`pkg/registry/core/service/storage`).
struct ServicePreparation {
    let allocator: ServiceAllocator
    /// What the request has claimed; the caller settles it when the store has answered.
    let ticket: ServiceTicket
    private(set) var service: Service
    /// The Service as it is; nil for a new one.
    let old: Service?

    init(_ service: Service, replacing old: Service?, allocator: ServiceAllocator) {
        self.allocator = allocator
        self.service = service
        self.old = old
        ticket = ServiceTicket(service)
    }

    /// The Service with all that it is to have. Throws 422 or 500 in the API server's words; claims made until then stay
    /// the ticket's.
    mutating func run() throws(APIError) -> Service {
        if let old {
            dropWhatTheTypeHasNot(old)
            keepWhatWasGiven(old)
        }
        alignAddresses()
        try chooseFamilies()
        try claimAddresses()
        try claimNodePorts()
        try claimHealthCheckPort()
        return service
    }

    // MARK: From the old one

    /// A client that changes the type sends along what the old type had: what it did not touch goes with the type.
    private mutating func dropWhatTheTypeHasNot(_ old: Service) {
        var spec = service.spec
        if old.needsClusterAddress, !service.needsClusterAddress {
            if spec.clusterIPs == old.spec.clusterIPs || spec.clusterIP == old.spec.clusterIP {
                spec.clusterIP = ""
                spec.clusterIPs = []
            }
            if spec.ipFamilies == old.spec.ipFamilies { spec.ipFamilies = [] }
            if spec.ipFamilyPolicy == old.spec.ipFamilyPolicy { spec.ipFamilyPolicy = nil }
            if spec.internalTrafficPolicy == old.spec.internalTrafficPolicy { spec.internalTrafficPolicy = nil }
        }
        if old.needsNodePorts, !service.needsNodePorts, spec.nodePortNumbers == old.spec.nodePortNumbers {
            for index in spec.ports.indices { spec.ports[index].nodePort = 0 }
        }
        if old.needsHealthCheckPort, !service.needsHealthCheckPort,
            spec.healthCheckNodePort == old.spec.healthCheckNodePort
        {
            spec.healthCheckNodePort = 0
        }
        if old.spec.type == .loadBalancer, service.spec.type != .loadBalancer {
            if spec.allocateLoadBalancerNodePorts == old.spec.allocateLoadBalancerNodePorts {
                spec.allocateLoadBalancerNodePorts = nil
            }
            if spec.loadBalancerClass == old.spec.loadBalancerClass { spec.loadBalancerClass = nil }
        }
        if old.isExternallyAccessible, !service.isExternallyAccessible,
            spec.externalTrafficPolicy == old.spec.externalTrafficPolicy
        {
            spec.externalTrafficPolicy = ""
        }
        service.spec = spec
    }

    /// A client that leaves out what it was given keeps it.
    private mutating func keepWhatWasGiven(_ old: Service) {
        if old.needsClusterAddress, service.needsClusterAddress, service.spec.clusterIP.isEmpty,
            service.spec.clusterIPs.isEmpty
        {
            service.spec.clusterIP = old.spec.clusterIP
            service.spec.clusterIPs = old.spec.clusterIPs
        }
        if old.needsNodePorts, service.needsNodePorts {
            let named = Set(service.spec.nodePortNumbers)
            var byName: [String: Int32] = [:]
            for port in old.spec.ports { byName[port.name] = port.nodePort }
            for index in service.spec.ports.indices where service.spec.ports[index].nodePort == 0 {
                let number = byName[service.spec.ports[index].name] ?? 0
                if !named.contains(number) { service.spec.ports[index].nodePort = number }
            }
        }
        if old.needsHealthCheckPort, service.needsHealthCheckPort, service.spec.healthCheckNodePort == 0 {
            service.spec.healthCheckNodePort = old.spec.healthCheckNodePort
        }
    }

    /// `clusterIP` and `clusterIPs` say the same; clients that know only the former mean both.
    private mutating func alignAddresses() {
        guard let old else {
            if !service.spec.clusterIP.isEmpty, service.spec.clusterIPs.isEmpty {
                service.spec.clusterIPs = [service.spec.clusterIP]
            }
            return
        }
        let isSameFirst = service.spec.clusterIP == old.spec.clusterIP
        if service.spec.clusterIPs.isEmpty, isSameFirst { service.spec.clusterIPs = old.spec.clusterIPs }
        if !isSameFirst, service.spec.clusterIPs == old.spec.clusterIPs || service.spec.clusterIPs.isEmpty {
            service.spec.clusterIPs = service.spec.clusterIP.isEmpty ? [] : [service.spec.clusterIP]
        }
    }

    // MARK: Addresses

    private mutating func claimAddresses() throws(APIError) {
        guard service.needsClusterAddress, !service.isHeadless else { return }
        var addresses = service.spec.clusterIPs
        // What an update has changed is refused by validation, not given out.
        let kept = old.map { $0.needsClusterAddress && !$0.isHeadless ? $0.spec.clusterIPs.count : 0 } ?? 0
        let wasHeadless = old?.isHeadless ?? false
        guard !wasHeadless else { return }
        for (index, family) in service.spec.ipFamilies.enumerated() where index >= min(kept, addresses.count) {
            guard let range = allocator.ranges.first(where: { IPFamily($0.family) == family }) else { continue }
            let wanted = index < addresses.count ? addresses[index] : nil
            do throws(ServiceAllocator.Refusal) {
                let address = try allocator.claimAddress(wanted.flatMap { IPAddress($0) }, in: range, for: ticket)
                if wanted == nil { addresses.append(address.description) }
            } catch {
                guard let wanted else {
                    throw .internalError("failed to allocate a serviceIP: \(error.message)")
                }
                throw refusal {
                    $0.invalid(
                        FieldPath("spec.clusterIPs"), service.spec.clusterIPs,
                        "failed to allocate IP \(wanted): \(error.message)")
                }
            }
        }
        service.spec.clusterIPs = addresses
        service.spec.clusterIP = addresses.first ?? ""
    }

    // MARK: Node ports

    private mutating func claimNodePorts() throws(APIError) {
        guard service.needsNodePorts else { return }
        let isWanted = service.spec.type == .nodePort || service.spec.allocateLoadBalancerNodePorts != false
        let held = Set(old?.spec.nodePortNumbers ?? [])
        // A port that is served over TCP and UDP has one node port for both.
        var byPort: [Int32: Int32] = [:]
        for port in service.spec.ports where port.nodePort != 0 {
            if byPort[port.port] == nil { byPort[port.port] = port.nodePort }
        }
        for index in service.spec.ports.indices {
            let port = service.spec.ports[index]
            if port.nodePort == 0, !isWanted { continue }
            let wanted = port.nodePort == 0 ? byPort[port.port] : port.nodePort
            if let wanted, held.contains(wanted) {
                service.spec.ports[index].nodePort = wanted
                continue
            }
            do throws(ServiceAllocator.Refusal) {
                let number = Int32(try allocator.claimNodePort(wanted.map(Int.init), for: ticket))
                service.spec.ports[index].nodePort = number
                byPort[port.port] = number
            } catch {
                guard let wanted else { throw .internalError("failed to allocate a nodePort: \(error.message)") }
                throw refusal {
                    $0.invalid(FieldPath("spec.ports")[index].child("nodePort"), wanted, error.message)
                }
            }
        }
    }

    private mutating func claimHealthCheckPort() throws(APIError) {
        guard service.needsHealthCheckPort else { return }
        let wanted = service.spec.healthCheckNodePort
        if let old, old.needsHealthCheckPort, old.spec.healthCheckNodePort != 0 { return }
        do throws(ServiceAllocator.Refusal) {
            let number = try allocator.claimNodePort(wanted == 0 ? nil : Int(wanted), for: ticket)
            service.spec.healthCheckNodePort = Int32(number)
        } catch {
            guard wanted != 0 else {
                throw .internalError("failed to allocate a HealthCheck NodePort: \(error.message)")
            }
            throw refusal {
                $0.invalid(
                    FieldPath("spec.healthCheckNodePort"), wanted,
                    "failed to allocate requested HealthCheck NodePort \(wanted): \(error.message)")
            }
        }
    }
}

// MARK: Families

extension ServicePreparation {
    /// Settles on the families of a Service, by what it says and what the cluster has
    /// (`Allocators.initIPFamilyFields`).
    private mutating func chooseFamilies() throws(APIError) {
        guard service.needsClusterAddress else { return }
        var errors = FieldErrors()
        service.validateAddresses(into: &errors)
        if let refusal = refusal(errors) { throw refusal }
        releaseSecond(into: &errors)
        inferFamilies(into: &errors)
        if let refusal = refusal(errors) { throw refusal }

        let configured = allocator.ranges.map { IPFamily($0.family) }
        let isFree = service.isHeadless && service.spec.selector.isEmpty
        if isFree, service.spec.ipFamilyPolicy == nil {
            // Whoever makes the endpoints knows which families they have.
            service.spec.ipFamilyPolicy = service.spec.ipFamilies.count == 1 ? .singleStack : .requireDualStack
        }
        if !isFree {
            if service.spec.ipFamilyPolicy == .requireDualStack, configured.count < 2 {
                errors.invalid(
                    FieldPath("spec.ipFamilyPolicy"), service.spec.ipFamilyPolicy?.rawValue ?? "",
                    "this cluster is not configured for dual-stack services")
            }
            for (index, family) in service.spec.ipFamilies.enumerated() where !configured.contains(family) {
                errors.invalid(
                    FieldPath("spec.ipFamilies")[index], family.rawValue, "not configured on this cluster")
            }
            if let refusal = refusal(errors) { throw refusal }
        }
        if service.spec.ipFamilies.isEmpty { service.spec.ipFamilies = Array(configured.prefix(1)) }
        if service.spec.ipFamilyPolicy == nil { service.spec.ipFamilyPolicy = .singleStack }
        if service.spec.ipFamilyPolicy != .singleStack, service.spec.ipFamilies.count == 1,
            isFree || configured.count == 2
        {
            service.spec.ipFamilies.append(service.spec.ipFamilies[0] == .iPv4 ? .iPv6 : .iPv4)
        }
    }

    /// A Service with two families becomes one with one by its policy, and only by that.
    private mutating func releaseSecond(into errors: inout FieldErrors) {
        guard let old, old.needsClusterAddress else { return }
        if service.spec.ipFamilyPolicy == .singleStack {
            if old.spec.ipFamilyPolicy != .singleStack {
                if service.spec.clusterIPs == old.spec.clusterIPs {
                    service.spec.clusterIPs = Array(service.spec.clusterIPs.prefix(1))
                }
                if service.spec.ipFamilies == old.spec.ipFamilies {
                    service.spec.ipFamilies = Array(service.spec.ipFamilies.prefix(1))
                }
            }
            return
        }
        let policy = service.spec.ipFamilyPolicy?.rawValue ?? ""
        if old.spec.clusterIPs.count == 2, service.spec.clusterIPs.count == 1 {
            errors.invalid(
                FieldPath("spec.ipFamilyPolicy"), policy, "must be 'SingleStack' to release the secondary cluster IP")
        }
        if old.spec.ipFamilies.count == 2, service.spec.ipFamilies.count == 1 {
            errors.invalid(
                FieldPath("spec.ipFamilyPolicy"), policy, "must be 'SingleStack' to release the secondary IP family")
        }
    }

    /// Addresses that a Service asks for tell its families.
    private mutating func inferFamilies(into errors: inout FieldErrors) {
        if service.spec.ipFamilyPolicy == nil || service.spec.ipFamilyPolicy == .singleStack {
            let problem = "must be 'PreferDualStack' or 'RequireDualStack' when multiple '%' are specified"
            let policy = service.spec.ipFamilyPolicy?.rawValue ?? ""
            for (field, count) in [
                ("clusterIPs", service.spec.clusterIPs.count), ("ipFamilies", service.spec.ipFamilies.count),
            ] where count == 2 {
                errors.invalid(FieldPath("spec.ipFamilyPolicy"), policy, problem.replacing("%", with: field))
            }
        }
        guard !service.isHeadless else { return }
        for (index, text) in service.spec.clusterIPs.enumerated() where index >= service.spec.ipFamilies.count {
            guard let address = IPAddress(text) else { continue }
            let family = IPFamily(address.family)
            if allocator.ranges.contains(where: { $0.family == address.family }) {
                service.spec.ipFamilies.append(family)
            } else {
                errors.invalid(
                    FieldPath("spec.clusterIPs")[index], service.spec.clusterIPs,
                    "\(family) is not configured on this cluster")
            }
        }
    }

    private func refusal(_ errors: FieldErrors) -> APIError? {
        errors.refusal(of: Service.groupVersionKind, name: service.metadata.name)
    }

    private func refusal(_ fill: (inout FieldErrors) -> Void) -> APIError {
        var errors = FieldErrors()
        fill(&errors)
        return refusal(errors) ?? .internalError("the service \(service.key) was refused without a reason")
    }
}

extension ServiceSpec {
    fileprivate var nodePortNumbers: [Int32] { ports.map(\.nodePort).filter { $0 != 0 } }
}
