import Testing

@testable import KubernetesAPI

@Suite struct ValidationTests {
    /// The refusal of a new object, after defaulting; nil where it passes.
    private func refusal<Object: KubernetesObject>(_ type: Object.Type, _ text: String) throws -> Status? {
        let object = Kinds.defaulted(try Object(json: JSONParser.parse(text.utf8)), isNew: true)
        do {
            try Validation.validateCreate(object)
            return nil
        } catch { return error.status }
    }

    private func deployment(_ spec: String, template: String = #""labels":{"app":"x"}"#, container: String = "")
        -> String
    {
        """
        {"metadata":{"name":"x","namespace":"default"},"spec":{\(spec.isEmpty ? "" : spec + ",")
         "selector":{"matchLabels":{"app":"x"}},
         "template":{"metadata":{\(template)},"spec":{"containers":[{"name":"c","image":"i"\(container)}]}}}}
        """
    }

    private func pod(_ container: String, spec: String = "") -> String {
        """
        {"metadata":{"name":"p","namespace":"default"},
         "spec":{"containers":[{"name":"c","image":"i"\(container.isEmpty ? "" : "," + container)}]\(spec)}}
        """
    }

    @Test func goodObjectsPass() throws {
        #expect(try refusal(Deployment.self, deployment("")) == nil)
        #expect(try refusal(Pod.self, pod("")) == nil)
        #expect(
            try refusal(
                Pod.self,
                pod(
                    #""resources":{"limits":{"memory":"1Gi","example.com/gpu":"1"},"requests":{"memory":"1024Mi"}}"#,
                    spec: #","hostAliases":[{"ip":"::1","hostnames":["a.b"]}],"nodeName":"n1""#)) == nil)
        #expect(
            try refusal(ConfigMap.self, #"{"metadata":{"generateName":"a-","namespace":"b"},"data":{"a_.-1":""}}"#)
                == nil)
        #expect(try refusal(Namespace.self, #"{"metadata":{"name":"n"}}"#) == nil)
    }

    @Test func theWholeStatus() throws {
        let status = try #require(try refusal(Deployment.self, deployment(#""replicas":-1"#)))
        #expect(
            status.message
                == "Deployment.apps \"x\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
        )
        #expect(status.code == 422)
        #expect(status.reason == .invalid)
        #expect(status.details?.group == "apps")
        #expect(status.details?.kind == "Deployment")
        #expect(status.details?.name == "x")
        #expect(status.details?.causes.map(\.field) == ["spec.replicas"])
        #expect(status.details?.causes.map(\.reason) == [.fieldValueInvalid])
        #expect(status.details?.causes.first?.message == "Invalid value: -1: must be greater than or equal to 0")
    }

    @Test func severalProblemsAreListed() throws {
        let status = try #require(
            try refusal(Deployment.self, deployment(#""replicas":-1,"minReadySeconds":-2"#)))
        #expect(
            status.message.hasSuffix(
                "is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, "
                    + "spec.minReadySeconds: Invalid value: -2: must be greater than or equal to 0]"))
    }

    @Test(arguments: [
        (
            #""replicas":1"#, #""labels":{"app":"y"}"#,
            "spec.template.metadata.labels: Invalid value: {\"app\":\"y\"}: `selector` does not match template `labels`"
        ),
        (
            #""strategy":{"type":"Recreate","rollingUpdate":{"maxSurge":1}}"#, #""labels":{"app":"x"}"#,
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
        ),
        (
            #""strategy":{"type":"Sometimes"}"#, #""labels":{"app":"x"}"#,
            "spec.strategy.type: Unsupported value: \"Sometimes\": supported values: \"Recreate\", \"RollingUpdate\""
        ),
        (
            #""strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":"0%"}}"#, #""labels":{"app":"x"}"#,
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"
        ),
        (
            #""strategy":{"rollingUpdate":{"maxUnavailable":"101%"}}"#, #""labels":{"app":"x"}"#,
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"
        ),
        (
            #""progressDeadlineSeconds":5,"minReadySeconds":5"#, #""labels":{"app":"x"}"#,
            "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"
        ),
    ])
    func deployments(spec: String, template: String, message: String) throws {
        let status = try #require(try refusal(Deployment.self, deployment(spec, template: template)))
        #expect(status.message == "Deployment.apps \"x\" is invalid: \(message)")
    }

    @Test func templatesOfDeploymentsRestartAlways() throws {
        let text = deployment("").replacing(#""containers":"#, with: #""restartPolicy":"Never","containers":"#)
        #expect(
            try refusal(Deployment.self, text)?.message.hasSuffix(
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"") == true)
    }

    @Test(arguments: [
        (
            #""resources":{"limits":{"memory":"100Mi"},"requests":{"memory":"200Mi"}}"#,
            "spec.containers[0].resources.requests: Invalid value: \"200Mi\": must be less than or equal to memory limit of 100Mi"
        ),
        (
            #""resources":{"requests":{"cpu":"-1"}}"#,
            "spec.containers[0].resources.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"
        ),
        (
            #""ports":[{"containerPort":70000}]"#,
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"
        ),
        (#""ports":[{"name":"x"}]"#, "spec.containers[0].ports[0].containerPort: Required value"),
        (
            #""readinessProbe":{"httpGet":{"port":0}}"#,
            "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"
        ),
        (
            #""readinessProbe":{"httpGet":{"port":99999}}"#,
            "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 99999: must be between 1 and 65535, inclusive"
        ),
        (#""livenessProbe":{}"#, "spec.containers[0].livenessProbe: Required value: must specify a handler type"),
        (
            #""livenessProbe":{"tcpSocket":{"port":1},"successThreshold":2}"#,
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"
        ),
        (
            #""readinessProbe":{"tcpSocket":{"port":1},"periodSeconds":-1}"#,
            "spec.containers[0].readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"
        ),
        (
            #""volumeMounts":[{"name":"v","mountPath":"/v"}]"#,
            "spec.containers[0].volumeMounts[0].name: Not found: \"v\""
        ),
        (
            #""imagePullPolicy":"Maybe""#,
            "spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"IfNotPresent\", \"Never\""
        ),
        (#""env":[{"value":"x"}]"#, "spec.containers[0].env[0].name: Required value"),
        (
            #""env":[{"name":"A","value":"x","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]"#,
            "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"
        ),
        (
            #""readinessProbe":{"exec":{"command":[]}}"#,
            "spec.containers[0].readinessProbe.exec.command: Required value"
        ),
        (
            #""lifecycle":{"preStop":{"exec":{}}}"#,
            "spec.containers[0].lifecycle.preStop.exec.command: Required value"
        ),
        (
            #""lifecycle":{"postStart":{}}"#,
            "spec.containers[0].lifecycle.postStart: Required value: must specify a handler type"
        ),
        (
            #""lifecycle":{"preStop":{"exec":{"command":["a"]},"sleep":{"seconds":1}}}"#,
            "spec.containers[0].lifecycle.preStop.sleep: Forbidden: may not specify more than 1 handler type"
        ),
        (
            #""lifecycle":{"preStop":{"sleep":{"seconds":31}}}"#,
            "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"
        ),
        (
            #""lifecycle":{"preStop":{"httpGet":{"path":"/","port":0}}}"#,
            "spec.containers[0].lifecycle.preStop.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"
        ),
        (
            #""lifecycle":{"stopSignal":"SIGQUIT"}"#,
            "spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"
        ),
        (
            #""ports":[{"containerPort":80,"hostPort":80,"hostIP":"here"}]"#,
            "spec.containers[0].ports[0].hostIP: Invalid value: \"here\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        ),
    ])
    func containers(container: String, message: String) throws {
        #expect(try refusal(Pod.self, pod(container))?.message == "Pod \"p\" is invalid: \(message)")
    }

    @Test func whatTheNodeCannotDoIsRefused() throws {
        for (container, path) in [
            (#""ports":[{"containerPort":80,"hostPort":80,"protocol":"SCTP"}]"#, "ports[0].hostPort"),
            (
                #""securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":"x"}}"#,
                "securityContext.seccompProfile.type"
            ),
            (#""livenessProbe":{"grpc":{"port":1}}"#, "livenessProbe.grpc"),
            (#""volumeDevices":[{"name":"d","devicePath":"/d"}]"#, "volumeDevices"),
            (#""tty":true"#, "tty"),
        ] {
            let status = try #require(try refusal(Pod.self, pod(container)))
            #expect(status.details?.causes.map(\.field) == ["spec.containers[0].\(path)"])
            #expect(status.details?.causes.map(\.reason) == [.fieldValueForbidden])
        }
        let bundle =
            #","volumes":[{"name":"v","projected":{"sources":[{"clusterTrustBundle":{"name":"t","path":"t"}}]}}]"#
        #expect(
            try refusal(Pod.self, pod("", spec: bundle))?.details?.causes.map(\.field)
                == ["spec.volumes[0].projected.sources[0].clusterTrustBundle"])
    }

    @Test(arguments: [
        #""lifecycle":{"postStart":{"exec":{"command":["true"]}},"preStop":{"sleep":{"seconds":30}}}"#,
        #""lifecycle":{"preStop":{"httpGet":{"port":"web"}}},"ports":[{"name":"web","containerPort":80}]"#,
        #""lifecycle":{"preStop":{"tcpSocket":{"port":80}}}"#,
        #""livenessProbe":{"exec":{"command":["true"]}}"#,
        #""ports":[{"containerPort":80,"hostPort":8080,"hostIP":"127.0.0.1"}]"#,
    ])
    func whatTheNodeCanDoIsTaken(container: String) throws {
        #expect(try refusal(Pod.self, pod(container)) == nil)
        #expect(
            try refusal(
                Pod.self,
                pod(
                    "",
                    spec: #","volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]"#))
                == nil)
    }

    @Test(arguments: [
        (
            #","volumes":[{"name":"v","emptyDir":{}},{"name":"v","emptyDir":{}}]"#,
            "spec.volumes[1].name: Duplicate value: \"v\""
        ),
        (
            #","volumes":[{"name":"v","nfs":{"server":"s","path":"/"}}]"#,
            "spec.volumes[0].nfs: Forbidden: not supported by minikube-lite; use one of configMap, downwardAPI, "
                + "emptyDir, hostPath, projected, secret"
        ),
        (#","volumes":[{"name":"v","secret":{}}]"#, "spec.volumes[0].secret.secretName: Required value"),
        (
            #","volumes":[{"name":"v","hostPath":{"path":"/a/../b"}}]"#,
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"
        ),
        (
            #","dnsPolicy":"Sometimes""#,
            "spec.dnsPolicy: Unsupported value: \"Sometimes\": supported values: \"ClusterFirst\", \"ClusterFirstWithHostNet\", \"Default\", \"None\""
        ),
        (#","runtimeClassName":"gvisor""#, "spec.runtimeClassName: Forbidden: not supported by minikube-lite"),
        (#","hostUsers":false"#, "spec.hostUsers: Forbidden: user namespaces are not supported by minikube-lite"),
        (#","initContainers":[{"name":"c","image":"i"}]"#, "spec.initContainers[0].name: Duplicate value: \"c\""),
    ])
    func pods(spec: String, message: String) throws {
        #expect(try refusal(Pod.self, pod("", spec: spec))?.message == "Pod \"p\" is invalid: \(message)")
    }

    @Test func scheduleHintsAreWarnedAbout() throws {
        let object = try Pod(
            json: JSONParser.parse(
                pod(
                    "",
                    spec: #","affinity":{"podAffinity":{}},"imagePullSecrets":[{"name":"s"}],"schedulerName":"mine""#
                ).utf8
            ))
        #expect(
            Validation.warnings(for: object) == [
                "spec.imagePullSecrets: has no effect: not supported by minikube-lite",
                "spec.affinity.podAffinity: has no effect: not supported by minikube-lite",
                "spec.schedulerName: has no effect: there is one scheduler",
            ])
    }

    @Test(arguments: [
        (
            "Bad_Name",
            "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case "
                + "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. "
                + "'example.com', regex used for validation is "
                + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ),
        ("", "metadata.name: Required value: name or generateName is required"),
        (
            String(repeating: "a", count: 254),
            "metadata.name: Invalid value: \"\(String(repeating: "a", count: 254))\": must be no more than 253 bytes"
        ),
    ])
    func names(name: String, message: String) throws {
        let status = try refusal(ConfigMap.self, #"{"metadata":{"namespace":"default","name":"\#(name)"}}"#)
        #expect(status?.message == "ConfigMap \"\(name)\" is invalid: \(message)")
    }

    @Test func labelsAndKeys() throws {
        let status = try #require(
            try refusal(
                ConfigMap.self,
                #"{"metadata":{"namespace":"d","name":"n","labels":{"a b":"ok","c":"-"}},"data":{"no/slash":""}}"#))
        #expect(status.details?.causes.map(\.field) == ["metadata.labels", "metadata.labels", "data[no/slash]"])
        #expect(
            status.details?.causes[0].message
                == "Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                + "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used "
                + "for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")
    }

    @Test func finalizersAndOwnersHaveTheirForm() throws {
        let status = try #require(
            try refusal(
                ConfigMap.self,
                #"{"metadata":{"namespace":"d","name":"n","finalizers":["orphan","example.com/x","mine"],"#
                    + #""ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}]}}"#))
        let causes = status.details?.causes ?? []
        #expect(causes.map(\.field) == ["metadata.ownerReferences[0]", "metadata.finalizers[2]"])
        #expect(causes.first?.message.hasSuffix("/v1, Kind=Event is disallowed from being an owner") == true)
        #expect(
            causes.last?.message
                == "Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified")
    }

    @Test func aLargeConfigMapIsTooLong() throws {
        var map = ConfigMap()
        map.metadata.name = "big"
        map.metadata.namespace = "default"
        map.data["x"] = String(repeating: "x", count: 1 << 20)
        try Validation.validateCreate(map)
        map.data["y"] = "1"
        let error = #expect(throws: APIError.self) { try Validation.validateCreate(map) }
        #expect(
            error?.status.message == "ConfigMap \"big\" is invalid: data: Too long: may not be more than 1048576 bytes")
    }

    @Test func namespacesAndClusterScope() throws {
        #expect(
            try refusal(ConfigMap.self, #"{"metadata":{"name":"a"}}"#)?.message.contains(
                "metadata.namespace: Required value") == true)
        #expect(
            try refusal(Namespace.self, #"{"metadata":{"name":"a","namespace":"b"}}"#)?.message
                == "Namespace \"a\" is invalid: metadata.namespace: Forbidden: not allowed on this type")
        #expect(
            try refusal(Namespace.self, #"{"metadata":{"name":"a.b"}}"#)?.message.contains("must not contain dots")
                == true)
    }

    // MARK: Updates

    private func updateRefusal<Object: KubernetesObject>(
        _ type: Object.Type, _ text: String, _ change: (inout Object) -> Void
    ) throws -> String? {
        var old = try Object(json: JSONParser.parse(text.utf8))
        old = try #require(Kinds.defaulted(old) as? Object)
        var new = old
        change(&new)
        do {
            try Validation.validateUpdate(new, from: old)
            return nil
        } catch { return error.status.message }
    }

    @Test func ofAPodOnlyImagesChange() throws {
        #expect(try updateRefusal(Pod.self, pod("")) { $0.spec.containers[0].image = "other" } == nil)
        #expect(try updateRefusal(Pod.self, pod("")) { $0.metadata.labels["a"] = "b" } == nil)
        #expect(try updateRefusal(Pod.self, pod("")) { $0.spec.activeDeadlineSeconds = 5 } == nil)
        let message = try updateRefusal(Pod.self, pod("")) { $0.spec.containers[0].command = ["x"] }
        #expect(
            message?.hasPrefix(
                "Pod \"p\" is invalid: spec: Forbidden: pod updates may not change fields other than "
                    + "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,") == true
        )
        #expect(message?.hasSuffix("changed: spec.containers[0].command") == true)
        #expect(
            try updateRefusal(Pod.self, pod("")) { $0.spec.containers.append($0.spec.containers[0]) }?
                .contains("spec.containers: Forbidden: pod updates may not add or remove containers") == true)
    }

    @Test func whatNeverChanges() throws {
        #expect(
            try updateRefusal(Deployment.self, deployment("")) {
                $0.spec.selector?.matchLabels["b"] = "c"
                $0.spec.template.metadata.labels["b"] = "c"
            }
                == "Deployment.apps \"x\" is invalid: spec.selector: Invalid value: "
                + "{\"matchLabels\":{\"app\":\"x\",\"b\":\"c\"}}: field is immutable")
        #expect(
            try updateRefusal(Deployment.self, deployment("")) { $0.metadata.name = "y" }?
                .contains("metadata.name: Invalid value: \"y\": field is immutable") == true)
        #expect(
            try updateRefusal(
                ConfigMap.self, #"{"metadata":{"name":"c","namespace":"d"},"immutable":true,"data":{"a":"1"}}"#
            ) {
                $0.data["a"] = "2"
            } == "ConfigMap \"c\" is invalid: data: Forbidden: field is immutable when `immutable` is set")
        #expect(
            try updateRefusal(Secret.self, #"{"metadata":{"name":"c","namespace":"d"}}"#) { $0.type = "other" }
                == "Secret \"c\" is invalid: type: Invalid value: \"other\": field is immutable")
    }
}
