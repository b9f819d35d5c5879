import Testing

@testable import KubernetesAPI

/// What Kubernetes' API server takes and warns about, word for word.
@Suite struct CustomaryWarningTests {
    private func warnings<Object: KubernetesObject>(_ type: Object.Type, _ text: String) throws -> [String] {
        Validation.warnings(for: Kinds.defaulted(try Object(json: JSONParser.parse(text.utf8)), isNew: true))
    }

    private func pod(_ container: String, spec: String = "", metadata: String = #""name":"p""#) -> String {
        """
        {"metadata":{\(metadata)},
         "spec":{"containers":[{"name":"c","image":"i"\(container.isEmpty ? "" : "," + container)}]\(spec)}}
        """
    }

    @Test func variablesThatHideOthers() throws {
        #expect(
            try warnings(
                Pod.self,
                pod(
                    #""env":[{"name":"A","value":"1"},{"name":"A","value":"2"},{"name":"B","value":"1"},"#
                        + #"{"name":"B","value":"$(B):2"},{"name":"C"},{"name":"C","value":"$(C)"}]"#))
                == [
                    "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
                    "spec.containers[0].env[5]: hides previous definition of \"C\", which may be dropped when using apply",
                ])
    }

    @Test func portsThatAreSaidTwice() throws {
        #expect(
            try warnings(
                Pod.self,
                pod(
                    #""ports":[{"containerPort":80},{"containerPort":80},{"containerPort":80,"hostPort":8080}]"#,
                    spec: #","initContainers":[{"name":"d","image":"i","restartPolicy":"Always","#
                        + #""ports":[{"containerPort":80,"protocol":"UDP"},{"containerPort":81,"hostIP":"10.0.0.1"}]}]"#
                ))
                == [
                    "spec.initContainers[0].ports[1]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:81 "
                        + "Protocol:TCP HostIP:10.0.0.1}",
                    "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
                    "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
                    "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
                ])
    }

    @Test func oldNamesOfNodeLabelsAndAnnotations() throws {
        let affinity =
            #""affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"preference":"#
            + #"{"matchExpressions":[{"key":"failure-domain.beta.kubernetes.io/zone","operator":"Exists"}]}}]}}"#
        let found = try warnings(
            Pod.self,
            pod(
                "", spec: #","nodeSelector":{"beta.kubernetes.io/arch":"amd64"},"# + affinity,
                metadata: #""name":"p","annotations":{"scheduler.alpha.kubernetes.io/critical-pod":""}"#))
        #expect(
            found == [
                "spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use \"kubernetes.io/arch\" instead",
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference"
                    + ".matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "
                    + "\"topology.kubernetes.io/zone\" instead",
                "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "
                    + "\"priorityClassName\" field instead",
            ])
    }

    @Test func templatesAreWarnedAboutWithTheirPath() throws {
        let template = pod(#""env":[{"name":"A"},{"name":"A"}]"#, metadata: #""labels":{"a":"b"}"#)
        let text = #"{"metadata":{"name":"a.b"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":\#(template)}}"#
        let names =
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label "
            + "is recommended: [must not contain dots]"
        let hidden =
            "spec.template.spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using "
            + "apply"
        #expect(try warnings(Deployment.self, text) == [names, hidden])
        #expect(try warnings(ReplicaSet.self, text) == [names, hidden])
        #expect(
            try warnings(ReplicationController.self, #"{"metadata":{"name":"r"},"spec":{"template":\#(template)}}"#)
                == [hidden])
        #expect(
            try warnings(PodTemplate.self, #"{"metadata":{"name":"t"},"template":\#(template)}"#) == [
                "template.spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using "
                    + "apply"
            ])
        #expect(
            try warnings(Pod.self, pod("", metadata: #""name":"a.b""#)).first?.hasPrefix(
                "metadata.name: this is used in the Pod's hostname, which can") == true)
    }

    @Test(arguments: [
        (
            #""clusterIP":"None","sessionAffinity":"ClientIP","ports":[{"port":80}]"#,
            "spec.SessionAffinity is ignored for headless services"
        ),
        (
            #""externalIPs":["192.0.2.1"],"ports":[{"port":80}]"#,
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
        ),
        (
            #""externalName":"example.com","ports":[{"port":80}]"#,
            "spec.externalName is ignored when spec.type is not \"ExternalName\""
        ),
    ])
    func services(spec: String, warning: String) throws {
        #expect(try warnings(Service.self, #"{"metadata":{"name":"s"},"spec":{\#(spec)}}"#) == [warning])
    }
}
