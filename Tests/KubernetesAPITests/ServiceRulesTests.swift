import Testing

@testable import KubernetesAPI

/// Defaults and rules of Services, Endpoints and EndpointSlices, in Kubernetes' words.
@Suite struct ServiceRulesTests {
    private static func service(_ spec: String) throws -> Service {
        try Service(json: JSONParser.parse(#"{"metadata":{"name":"s","namespace":"d"},"spec":{\#(spec)}}"#.utf8))
    }

    /// The message about a service after its defaults, without what all have in front; nil where it is fine.
    private func problem<Object: KubernetesObject>(_ object: Object) throws -> String? {
        let defaulted = Kinds.defaulted(object)
        do {
            try Validation.validateCreate(defaulted)
            return nil
        } catch {
            let message = error.status.message
            return message.firstRange(of: " is invalid: ").map { String(message[$0.upperBound...]) } ?? message
        }
    }

    @Test(arguments: [
        (
            #""ports":[{"port":80}]"#,
            #"{"type":"ClusterIP","sessionAffinity":"None","internalTrafficPolicy":"Cluster"}"#
        ),
        (
            #""type":"NodePort","ports":[{"port":80}]"#,
            #"{"type":"NodePort","externalTrafficPolicy":"Cluster","internalTrafficPolicy":"Cluster"}"#
        ),
        (
            #""type":"LoadBalancer","ports":[{"port":80}]"#,
            #"{"allocateLoadBalancerNodePorts":true,"externalTrafficPolicy":"Cluster"}"#
        ),
        (#""externalIPs":["192.0.2.1"],"ports":[{"port":80}]"#, #"{"externalTrafficPolicy":"Cluster"}"#),
        (
            #""sessionAffinity":"ClientIP","ports":[{"port":80}]"#,
            #"{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":10800}}}"#
        ),
        (
            #""ports":[{"port":53,"protocol":"UDP"},{"port":80,"targetPort":"http"}]"#,
            #"{"ports":[{"protocol":"UDP","port":53,"targetPort":53},{"protocol":"TCP","port":80,"targetPort":"http"}]}"#
        ),
    ])
    func defaults(spec: String, expected: String) throws {
        var service = try Self.service(spec)
        service.setDefaults()
        let json = service.json["spec"]
        for (name, value) in try JSONParser.parse(expected.utf8).objectValue ?? JSONObject() {
            #expect(json?[name] == value, "\(name)")
        }
        let once = service
        service.setDefaults()
        #expect(service == once)
    }

    @Test func whatATypeDoesNotHaveIsNotDefaulted() throws {
        var service = try Self.service(#""type":"ExternalName","externalName":"example.com""#)
        service.setDefaults()
        #expect(service.spec.internalTrafficPolicy == nil)
        #expect(service.spec.externalTrafficPolicy.isEmpty)
        service = try Self.service(#""ports":[{"port":80}]"#)
        service.setDefaults()
        #expect(service.spec.externalTrafficPolicy.isEmpty)
        #expect(service.spec.allocateLoadBalancerNodePorts == nil)
    }

    @Test(arguments: [
        (#""ports":[{"port":80}]"#, nil),
        (#""clusterIP":"None","clusterIPs":["None"]"#, nil),
        ("", "spec.ports: Required value"),
        (#""ports":[{"port":0}]"#, "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, "),
        (#""ports":[{"port":80},{"port":81,"name":"b"}]"#, "spec.ports[0].name: Required value"),
        (
            #""ports":[{"port":80,"name":"a"},{"port":81,"name":"a"}]"#,
            "spec.ports[1].name: Duplicate value: \"a\""
        ),
        (#""ports":[{"port":80,"name":"A"}]"#, "spec.ports[0].name: Invalid value: \"A\": a lowercase RFC 1123 label"),
        (
            #""ports":[{"port":80,"name":"a"},{"port":80,"name":"b"}]"#,
            "spec.ports[1]: Duplicate value: {\"protocol\":\"TCP\",\"port\":80}"
        ),
        (#""ports":[{"port":80,"name":"a"},{"port":80,"name":"b","protocol":"UDP"}]"#, nil),
        (
            #""ports":[{"port":80,"protocol":"ICMP"}]"#,
            "spec.ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\""
        ),
        (
            #""ports":[{"port":80,"targetPort":"Not_A_Name"}]"#,
            "spec.ports[0].targetPort: Invalid value: \"Not_A_Name\": must contain only alpha-numeric characters"
        ),
        (#""ports":[{"port":80,"targetPort":"port-with-a-long-name"}]"#, "must be no more than 15 bytes"),
        (
            #""ports":[{"port":80,"nodePort":30000}]"#,
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"
        ),
        (
            #""type":"NodePort","ports":[{"port":80,"name":"a","nodePort":30000},{"port":81,"name":"b","nodePort":30000}]"#,
            "spec.ports[1].nodePort: Duplicate value: 30000"
        ),
        (#""type":"Odd","ports":[{"port":80}]"#, "spec.type: Unsupported value: \"Odd\": supported values: "),
        (
            #""type":"NodePort","clusterIP":"None","clusterIPs":["None"],"ports":[{"port":80}]"#,
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"
        ),
        (
            #""type":"LoadBalancer","ports":[{"port":10250}]"#,
            "spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet"
        ),
        (#""type":"ExternalName""#, "spec.externalName: Required value"),
        (#""type":"ExternalName","externalName":"example.com.""#, nil),
        (
            #""type":"ExternalName","externalName":"no_name""#,
            "spec.externalName: Invalid value: \"no_name\": a lowercase"
        ),
        (
            #""type":"ExternalName","externalName":"example.com","clusterIP":"10.0.0.1""#,
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services"
        ),
        (
            #""clusterIP":"10.0.0.256","clusterIPs":["10.0.0.256"],"ports":[{"port":80}]"#,
            "spec.clusterIPs[0]: Invalid value: \"10.0.0.256\": must be a valid IP address"
        ),
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.2"],"ports":[{"port":80}]"#,
            "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match `clusterIP`"
        ),
        (
            #""clusterIPs":["10.0.0.2"],"ports":[{"port":80}]"#,
            "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: must be empty when `clusterIP` is not specified"
        ),
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1","10.0.0.2"],"ports":[{"port":80}]"#,
            "may specify no more than one IP for each IP family"
        ),
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ipFamilies":["IPv6"],"ports":[{"port":80}]"#,
            "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as indicated by `ipFamilies[0]`"
        ),
        (
            #""ipFamilies":["IPv4","IPv4"],"ports":[{"port":80}]"#,
            "spec.ipFamilies[1]: Duplicate value: \"IPv4\""
        ),
        (
            #""clusterIP":"None","clusterIPs":["None","10.0.0.1"]"#,
            "spec.clusterIPs: Invalid value: [\"None\",\"10.0.0.1\"]: 'None' must be the first and only value"
        ),
        (
            #""externalIPs":["127.0.0.1"],"ports":[{"port":80}]"#,
            "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range"
        ),
        (#""externalIPs":["192.0.2.1"],"ports":[{"port":80}]"#, nil),
        (
            #""sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86401}},"ports":[{"port":80}]"#,
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"
        ),
        (#""sessionAffinity":"Sticky","ports":[{"port":80}]"#, "spec.sessionAffinity: Unsupported value: \"Sticky\""),
        (
            #""externalTrafficPolicy":"Local","ports":[{"port":80}]"#,
            "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services"
        ),
        (
            #""type":"NodePort","healthCheckNodePort":30001,"ports":[{"port":80}]"#,
            "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        ),
        (
            #""type":"LoadBalancer","externalTrafficPolicy":"Local","ports":[{"port":80}]"#,
            "spec.healthCheckNodePort: Required value"
        ),
        (
            #""loadBalancerSourceRanges":["10.0.0.0/8"],"ports":[{"port":80}]"#,
            "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"
        ),
        (
            #""type":"LoadBalancer","loadBalancerSourceRanges":["10.0.0.0/33"],"ports":[{"port":80}]"#,
            "spec.loadBalancerSourceRanges[0]: Invalid value: \"10.0.0.0/33\": must be a valid CIDR value"
        ),
        (
            #""type":"LoadBalancer","loadBalancerSourceRanges":["10.1.2.3/8","2001:db8::/64"],"ports":[{"port":80}]"#,
            nil
        ),
        (
            #""allocateLoadBalancerNodePorts":false,"ports":[{"port":80}]"#,
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'"
        ),
        (
            #""internalTrafficPolicy":"Near","ports":[{"port":80}]"#,
            "spec.internalTrafficPolicy: Unsupported value: \"Near\""
        ),
        (#""selector":{"a b":"c"},"ports":[{"port":80}]"#, "spec.selector: Invalid value: \"a b\""),
    ])
    func rules(spec: String, expected: String?) throws {
        let found = try problem(Self.service(spec))
        if let expected {
            #expect(found?.contains(expected) == true, "\(found ?? "no problem")")
        } else {
            #expect(found == nil)
        }
    }

    @Test func aServicesNameBeginsWithALetter() throws {
        var service = try Self.service(#""ports":[{"port":80}]"#)
        service.metadata.name = "1st"
        #expect(try problem(service)?.contains("a DNS-1035 label must consist of") == true)
    }

    @Test(arguments: [
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"]"#, #""clusterIP":"10.0.0.2","clusterIPs":["10.0.0.2"]"#,
            "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"
        ),
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"]"#, #""clusterIP":"None","clusterIPs":["None"]"#,
            "spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set"
        ),
        (
            #""ipFamilies":["IPv4"]"#, #""ipFamilies":["IPv6"]"#,
            "spec.ipFamilies[0]: Invalid value: [\"IPv6\"]: may not change once set"
        ),
        (
            #""clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"]"#, #""type":"ExternalName","externalName":"a.b""#, nil
        ),
        (
            #""type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":30001"#,
            #""type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":30002"#,
            "spec.healthCheckNodePort: Forbidden: field is immutable"
        ),
        (
            #""type":"LoadBalancer","loadBalancerClass":"a.b/c""#, #""type":"LoadBalancer""#,
            "spec.loadBalancerClass: Invalid value: \"\": may not change once set"
        ),
    ])
    func changes(from: String, to: String, expected: String?) throws {
        func made(_ spec: String) throws -> Service {
            let ports = spec.contains("ExternalName") ? "" : #","ports":[{"port":80}]"#
            return try #require(Kinds.defaulted(Self.service(spec + ports)) as? Service)
        }
        do {
            try Validation.validateUpdate(made(to), from: made(from))
            #expect(expected == nil)
        } catch let error as APIError {
            #expect(expected.map { error.status.message.contains($0) } == true, "\(error)")
        }
    }

    @Test(arguments: [
        (#"[{"addresses":[{"ip":"192.0.2.1"}],"ports":[{"port":80}]}]"#, nil),
        (#"[{"ports":[{"port":80}]}]"#, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"),
        (
            #"[{"addresses":[{"ip":"192.0.2"}]}]"#,
            "subsets[0].addresses[0].ip: Invalid value: \"192.0.2\": must be a valid IP address"
        ),
        (
            #"[{"notReadyAddresses":[{"ip":"127.0.0.1"}]}]"#,
            "subsets[0].notReadyAddresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range"
        ),
        (
            #"[{"addresses":[{"ip":"192.0.2.1"}],"ports":[{"port":80},{"port":81,"name":"b"}]}]"#,
            "subsets[0].ports[0].name: Required value"
        ),
    ])
    func endpoints(subsets: String, expected: String?) throws {
        let text = #"{"metadata":{"name":"s","namespace":"d"},"subsets":\#(subsets)}"#
        let found = try problem(Endpoints(json: JSONParser.parse(text.utf8)))
        #expect(expected.map { found?.contains($0) == true } ?? (found == nil), "\(found ?? "no problem")")
    }

    @Test(arguments: [
        (#""addressType":"IPv4","endpoints":[{"addresses":["192.0.2.1"]}],"ports":[{"port":80}]"#, nil),
        (#""endpoints":[]"#, "addressType: Required value"),
        (
            #""addressType":"IPX""#,
            "addressType: Unsupported value: \"IPX\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""
        ),
        (#""addressType":"IPv4","endpoints":[{"addresses":[]}]"#, "endpoints[0].addresses: Required value"),
        (
            #""addressType":"IPv6","endpoints":[{"addresses":["192.0.2.1"]}]"#,
            "endpoints[0].addresses[0]: Invalid value: \"192.0.2.1\": must be a valid IPv6 address"
        ),
        (
            #""addressType":"IPv4","ports":[{"name":"a","port":80},{"name":"a","port":81}]"#,
            "ports[1].name: Duplicate value: \"a\""
        ),
    ])
    func slices(members: String, expected: String?) throws {
        let text = #"{"metadata":{"name":"s","namespace":"d"},\#(members)}"#
        let found = try problem(EndpointSlice(json: JSONParser.parse(text.utf8)))
        #expect(expected.map { found?.contains($0) == true } ?? (found == nil), "\(found ?? "no problem")")
    }
}
