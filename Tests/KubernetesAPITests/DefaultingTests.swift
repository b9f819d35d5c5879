import Testing

@testable import KubernetesAPI

@Suite struct DefaultingTests {
    private func defaulted<Object: KubernetesObject>(_ type: Object.Type, _ text: String, isNew: Bool = false) throws
        -> JSONValue
    {
        let object = try Object(json: JSONParser.parse(text.utf8))
        let once = Kinds.defaulted(object, isNew: isNew)
        // Twice changes nothing.
        #expect(Kinds.defaulted(once).json == once.json)
        return once.json
    }

    @Test func pod() throws {
        let pod = try defaulted(
            Pod.self,
            """
            {"metadata":{"name":"p"},"spec":{"volumes":[{"name":"e"},{"name":"s","secret":{"secretName":"x"}},
             {"name":"h","hostPath":{"path":"/x"}}],
             "containers":[{"name":"c","image":"reg:5000/web","ports":[{"containerPort":80}],
              "env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}],
              "resources":{"limits":{"cpu":"0.5","memory":"1Gi"},"requests":{"cpu":"100m"}},
              "readinessProbe":{"httpGet":{"port":80}}}]}}
            """, isNew: true)
        let spec = try #require(pod["spec"])
        #expect(spec["restartPolicy"] == "Always")
        #expect(spec["dnsPolicy"] == "ClusterFirst")
        #expect(spec["terminationGracePeriodSeconds"] == 30)
        #expect(spec["schedulerName"] == "default-scheduler")
        #expect(spec["securityContext"] == [:])
        #expect(spec["enableServiceLinks"] == true)
        #expect(
            spec["volumes"]
                == [
                    ["name": "e", "emptyDir": [:]], ["name": "s", "secret": ["secretName": "x", "defaultMode": 420]],
                    ["name": "h", "hostPath": ["path": "/x", "type": ""]],
                ])
        let container = try #require(spec["containers"]?.arrayValue?.first)
        #expect(container["imagePullPolicy"] == "Always")
        #expect(container["terminationMessagePath"] == "/dev/termination-log")
        #expect(container["terminationMessagePolicy"] == "File")
        #expect(container["ports"] == [["containerPort": 80, "protocol": "TCP"]])
        #expect(container["resources"]?["requests"] == ["cpu": "100m", "memory": "1Gi"])
        #expect(container["resources"]?["limits"] == ["cpu": "500m", "memory": "1Gi"])
        #expect(
            container["readinessProbe"]
                == [
                    "httpGet": ["port": 80, "path": "/", "scheme": "HTTP"], "timeoutSeconds": 1, "periodSeconds": 10,
                    "successThreshold": 1, "failureThreshold": 3,
                ])
        #expect(
            container["env"]?.arrayValue?.first?[path: "valueFrom", "fieldRef"]
                == ["apiVersion": "v1", "fieldPath": "metadata.name"])
        #expect(pod["status"] == ["phase": "Pending", "qosClass": "Burstable"])
    }

    @Test(arguments: [
        ("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1.2", "IfNotPresent"), ("r:5000/nginx", "Always"),
        ("r:5000/nginx:1", "IfNotPresent"), ("nginx@sha256:abc", "IfNotPresent"),
    ])
    func pullPolicyFollowsTheTag(image: String, policy: String) throws {
        var pod = Pod()
        var container = Container()
        container.image = image
        pod.spec.containers = [container]
        pod.setDefaults()
        #expect(pod.spec.containers[0].imagePullPolicy.rawValue == policy)
    }

    @Test func hostNetworkTakesTheContainersPorts() throws {
        let pod = try defaulted(
            Pod.self, #"{"spec":{"hostNetwork":true,"containers":[{"name":"c","ports":[{"containerPort":80}]}]}}"#)
        #expect(
            pod[path: "spec", "containers"]?.arrayValue?.first?["ports"]
                == [["containerPort": 80, "hostPort": 80, "protocol": "TCP"]])
    }

    @Test func deployment() throws {
        let spec = try #require(
            defaulted(
                Deployment.self,
                #"{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":1}}}]}}}}"#)["spec"])
        #expect(spec["replicas"] == 1)
        #expect(
            spec["strategy"]
                == ["type": "RollingUpdate", "rollingUpdate": ["maxUnavailable": "25%", "maxSurge": "25%"]])
        #expect(spec["revisionHistoryLimit"] == 10)
        #expect(spec["progressDeadlineSeconds"] == 600)
        let template = try #require(spec[path: "template", "spec"])
        #expect(template["restartPolicy"] == "Always")
        // These belong to pods, not to templates: a template's hash must not depend on the server.
        #expect(template["enableServiceLinks"] == nil)
        #expect(template["containers"]?.arrayValue?.first?[path: "resources", "requests"] == nil)
        let recreate = try defaulted(Deployment.self, #"{"spec":{"replicas":0,"strategy":{"type":"Recreate"}}}"#)
        #expect(recreate[path: "spec", "strategy"] == ["type": "Recreate"])
        #expect(recreate[path: "spec", "replicas"] == 0)
    }

    @Test func secretTextBecomesData() throws {
        let secret = try defaulted(
            Secret.self, #"{"metadata":{"name":"s"},"data":{"a":"eA==","b":"eA=="},"stringData":{"a":"new"}}"#)
        #expect(secret["data"] == ["a": "bmV3", "b": "eA=="])
        #expect(secret["stringData"] == nil)
        #expect(secret["type"] == "Opaque")
    }

    @Test func namespaceAndService() throws {
        let namespace = try defaulted(Namespace.self, #"{"metadata":{"name":"n"}}"#, isNew: true)
        #expect(namespace[path: "metadata", "labels"] == ["kubernetes.io/metadata.name": "n"])
        #expect(namespace["spec"] == ["finalizers": ["kubernetes"]])
        #expect(namespace["status"] == ["phase": "Active"])
        let service = try defaulted(Service.self, #"{"spec":{"ports":[{"port":80}]}}"#)
        #expect(
            service["spec"]
                == [
                    "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                    "ports": [["port": 80, "protocol": "TCP", "targetPort": 80]],
                ])
    }

    @Test(arguments: [
        ("{}", "BestEffort"), (#"{"requests":{"cpu":"1"}}"#, "Burstable"),
        (#"{"limits":{"cpu":"1","memory":"1Gi"}}"#, "Guaranteed"),
        (#"{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m","memory":"1024Mi"}}"#, "Guaranteed"),
        (#"{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"0.5"}}"#, "Burstable"),
        (#"{"limits":{"memory":"1Gi"}}"#, "Burstable"),
    ])
    func qualityOfService(resources: String, expected: String) throws {
        var container = Container()
        container.resources = try ResourceRequirements(json: JSONParser.parse(resources.utf8))
        var spec = PodSpec()
        spec.containers = [container]
        #expect(spec.qosClass.rawValue == expected)
    }

    @Test func requestsOfInitContainersCountWhereTheyAreLarger() throws {
        func container(_ cpu: String) throws -> Container {
            try Container(json: ["resources": ["requests": ["cpu": .string(cpu)]]])
        }
        var spec = PodSpec()
        spec.containers = try [container("100m"), container("200m")]
        spec.initContainers = try [container("500m"), container("50m")]
        #expect(spec.effectiveRequests["cpu"] == "500m")
        spec.containers.append(try container("1"))
        #expect(spec.effectiveRequests["cpu"] == "1300m")
    }
}
