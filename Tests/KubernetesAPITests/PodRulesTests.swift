import Testing

@testable import KubernetesAPI

/// The rules of pods that concern where they run, what they may do, and what the downward API tells them, in
/// Kubernetes' words.
@Suite struct PodRulesTests {
    /// The causes of a refusal, each with its path in front; empty where the pod passes.
    private func problems(_ spec: String, container: String = "") throws -> [String] {
        let pod = try Pod(json: JSONParser.parse(Self.text(spec, container: container).utf8))
        do {
            try Validation.validateCreate(Kinds.defaulted(pod, isNew: true))
            return []
        } catch {
            return error.status.details?.causes.map { "\($0.field): \($0.message)" } ?? [error.status.message]
        }
    }

    private static func text(_ spec: String, container: String = "") -> String {
        """
        {"metadata":{"name":"p","namespace":"default"},
         "spec":{"containers":[{"name":"c","image":"i"\(container.isEmpty ? "" : "," + container)}]
                 \(spec.isEmpty ? "" : "," + spec)}}
        """
    }

    @Test(arguments: [
        (
            #""nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}"#,
            [
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: "
                    + "Required value: must have at least one node selector term"
            ]
        ),
        (
            #""nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":"#
                + #"[{"key":"a","operator":"In"},{"key":"a","operator":"Near"},{"key":"a","operator":"Gt","values":["1","2"]},"#
                + #"{"key":"a","operator":"Exists","values":["x"]}],"matchFields":[{"key":"metadata.uid","operator":"In","#
                + #""values":["x"]}]}]}}"#,
            [
                "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "matchExpressions[1].operator: Invalid value: \"Near\": not a valid selector operator",
                "matchExpressions[2].values: Required value: must be specified single value when `operator` is 'Lt' or "
                    + "'Gt'",
                "matchExpressions[3].values: Forbidden: may not be specified when `operator` is 'Exists' or "
                    + "'DoesNotExist'",
                "matchFields[0].key: Invalid value: \"metadata.uid\": not a valid field selector key",
            ].map {
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].\($0)"
            }
        ),
        (
            #""nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":0,"preference":{}}]}"#,
            [
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: "
                    + "must be in the range 1-100"
            ]
        ),
        (
            #""podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{}}]}"#,
            [
                "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: "
                    + "Required value: can not be empty"
            ]
        ),
    ])
    func affinity(affinity: String, expected: [String]) throws {
        #expect(try problems("\"affinity\":{\(affinity)}") == expected)
    }

    @Test func spreading() throws {
        #expect(
            try problems(
                #""topologySpreadConstraints":[{"maxSkew":0,"topologyKey":"","whenUnsatisfiable":"Wait"},"#
                    + #"{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"ScheduleAnyway","minDomains":2},"#
                    + #"{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"ScheduleAnyway"}]"#)
                == [
                    "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                    "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
                    "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"Wait\": supported values: "
                        + "\"DoNotSchedule\", \"ScheduleAnyway\"",
                    "spec.topologySpreadConstraints[1].minDomains: Invalid value: 2: can only use minDomains if "
                        + "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
                    "spec.topologySpreadConstraints[2].{topologyKey, whenUnsatisfiable}: Duplicate value: "
                        + "\"{a, ScheduleAnyway}\"",
                ])
    }

    @Test func tolerationsOfAWhileAreForEviction() throws {
        #expect(
            try problems(
                #""tolerations":[{"key":"a","operator":"Exists","effect":"NoSchedule","tolerationSeconds":5}]"#)
                == [
                    "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
                        + "`tolerationSeconds` is set"
                ])
    }

    // MARK: Gates

    @Test func gatesHaveNamesAndComeBeforeTheNode() throws {
        let found = try problems(#""schedulingGates":[{"name":"x"},{"name":"x"}],"nodeName":"n""#)
        #expect(
            found == [
                "spec.schedulingGates[1]: Duplicate value: \"x\"",
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ])
        #expect(
            try problems(#""readinessGates":[{"conditionType":"a b"}]"#).first?.hasPrefix(
                "spec.readinessGates[0].conditionType: Invalid value: \"a b\": name part must consist of") == true)
    }

    @Test func aGatedPodSaysSo() throws {
        let pod = try Pod(json: JSONParser.parse(Self.text(#""schedulingGates":[{"name":"x"}]"#).utf8))
        let gated = try #require(Kinds.defaulted(pod, isNew: true) as? Pod)
        #expect(gated.status.conditions.map(\.type) == [.podScheduled])
        #expect(gated.status.conditions.map(\.reason) == ["SchedulingGated"])
        #expect(gated.status.conditions.first?.message == "Scheduling is blocked due to non-empty scheduling gates")
    }

    @Test func gatesAreOnlyTakenAway() throws {
        let pod = try Pod(json: JSONParser.parse(Self.text(#""schedulingGates":[{"name":"x"}]"#).utf8))
        let old = try #require(Kinds.defaulted(pod) as? Pod)
        var new = old
        new.spec.schedulingGates = []
        new.spec.nodeSelector["zone"] = "a"
        try Validation.validateUpdate(new, from: old)

        new.spec.schedulingGates = [old.spec.schedulingGates[0], PodSchedulingGate(named: "y")]
        let error = #expect(throws: APIError.self) { try Validation.validateUpdate(new, from: old) }
        #expect(
            error?.status.message
                == "Pod \"p\" is invalid: spec.schedulingGates: Forbidden: only deletion is allowed, but found new "
                + "scheduling gate 'y'")

        // Without gates the selector is fixed.
        var free = old
        free.spec.schedulingGates = []
        var moved = free
        moved.spec.nodeSelector["zone"] = "a"
        #expect(throws: APIError.self) { try Validation.validateUpdate(moved, from: free) }
    }

    // MARK: Containers

    @Test(arguments: [
        (
            #""securityContext":{"seccompProfile":{"type":"Strong"}}"#,
            "securityContext.seccompProfile.type: Unsupported value: \"Strong\": supported values: \"Localhost\", "
                + "\"RuntimeDefault\", \"Unconfined\""
        ),
        (
            #""securityContext":{"seccompProfile":{}}"#,
            "securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set"
        ),
        (
            #""securityContext":{"procMount":"All"}"#,
            "securityContext.procMount: Unsupported value: \"All\": supported values: \"Default\", \"Unmasked\""
        ),
        (
            #""ports":[{"containerPort":1,"hostPort":80},{"containerPort":2,"hostPort":80}]"#,
            "ports[1].hostPort: Duplicate value: \"TCP//80\""
        ),
        (
            #""env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"status.color"}}}]"#,
            "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"status.color\": error converting fieldPath: field label "
                + "not supported: status.color"
        ),
        (
            #""env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels"}}}]"#,
            "env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": supported values: "
                + "\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", "
                + "\"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", "
                + "\"status.podIPs\""
        ),
        (
            #""env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name['x']"}}}]"#,
            "env[0].valueFrom.fieldRef: Invalid value: \"metadata.name\": does not support subscript"
        ),
        (
            #""env":[{"name":"A","valueFrom":{"fieldRef":{"apiVersion":"v2","fieldPath":"metadata.name"}}}]"#,
            "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name\": error converting fieldPath: "
                + "unsupported pod version: v2"
        ),
        (
            #""env":[{"name":"A","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":"3"}}}]"#,
            "env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are "
                + "supported with the cpu resource"
        ),
    ])
    func containers(container: String, expected: String) throws {
        #expect(try problems("", container: container) == ["spec.containers[0].\(expected)"])
    }

    @Test(arguments: [
        #""env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app.kubernetes.io/name']"}}}]"#,
        #""env":[{"name":"A","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Mi"}}}]"#,
        #""ports":[{"containerPort":1,"hostPort":80},{"containerPort":2,"hostPort":80,"protocol":"UDP"}]"#,
        #""securityContext":{"seccompProfile":{"type":"RuntimeDefault"},"procMount":"Default"}"#,
    ])
    func goodContainers(container: String) throws {
        #expect(try problems("", container: container) == [])
    }

    @Test func mountsComeBackToTheHostFromPrivilegedContainersOnly() throws {
        let volumes = #""volumes":[{"name":"v","emptyDir":{}}]"#
        let mount = #""volumeMounts":[{"name":"v","mountPath":"/v","mountPropagation":"Bidirectional"}]"#
        #expect(
            try problems(volumes, container: mount) == [
                "spec.containers[0].volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is "
                    + "available only to privileged containers"
            ])
        #expect(try problems(volumes, container: mount + #","securityContext":{"privileged":true}"#) == [])
    }

    // MARK: The rest of the spec

    @Test(arguments: [
        (
            #""securityContext":{"sysctls":[{"name":"a b"},{"name":"net.x"},{"name":"net/x"}]}"#,
            [
                "spec.securityContext.sysctls[0].name: Invalid value: \"a b\": must have at most 253 characters and match "
                    + "regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
                "spec.securityContext.sysctls[2].name: Duplicate value: \"net/x\"",
            ]
        ),
        (
            #""securityContext":{"fsGroupChangePolicy":"Never"}"#,
            [
                "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"Never\": supported values: \"Always\", "
                    + "\"OnRootMismatch\""
            ]
        ),
        (#""dnsPolicy":"None""#, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            #""dnsConfig":{"nameservers":["here"],"searches":["_tcp.example.com.","."],"options":[{}]}"#,
            [
                "spec.dnsConfig.nameservers[0]: Invalid value: \"here\": must be a valid IP address, (e.g. 10.9.8.7 or "
                    + "2001:db8::ffff)",
                "spec.dnsConfig.options[0]: Required value: must not be empty",
            ]
        ),
        (
            #""volumes":[{"name":"v","downwardAPI":{"items":[{"path":"n","fieldRef":{"fieldPath":"spec.nodeName"}}]}}]"#,
            [
                "spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: Unsupported value: \"spec.nodeName\": supported "
                    + "values: \"metadata.annotations\", \"metadata.labels\", \"metadata.name\", \"metadata.namespace\", "
                    + "\"metadata.uid\""
            ]
        ),
        (
            #""volumes":[{"name":"v","projected":{"sources":[{"configMap":{"name":"m","items":[{"key":"k","path":"f"}]}},"#
                + #"{"secret":{"name":"s","items":[{"key":"k","path":"f"}]}}]}}]"#,
            ["spec.volumes[0].projected: Invalid value: \"m\": conflicting duplicate paths"]
        ),
    ])
    func specs(spec: String, expected: [String]) throws {
        let found = try problems(spec)
        // Which of two sources is named first does not matter.
        #expect(found.map { $0.replacing("\"s\": conf", with: "\"m\": conf") } == expected)
    }
}

extension PodSchedulingGate {
    fileprivate init(named name: String) {
        self.init()
        self.name = name
    }
}
