import Testing

@testable import KubernetesAPI

@Suite struct TableTests {
    private static let now = Timestamp(seconds: 1_800_000_000)
    private static func ago(_ seconds: Int64) -> String { Timestamp(seconds: now.seconds - seconds).description }

    private func cells(_ apiVersion: String, _ kind: String, _ text: String) throws -> [JSONValue] {
        Tables.row(
            of: try JSONParser.parse(text.utf8), kind: GroupVersionKind(apiVersion: apiVersion, kind: kind),
            now: Self.now
        ).cells
    }

    @Test(arguments: [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (59, "59s"), (119, "119s"), (120, "2m"), (125, "2m5s"),
        (599, "9m59s"), (600, "10m"), (10799, "179m"), (10800, "3h"), (11100, "3h5m"), (28799, "7h59m"), (28800, "8h"),
        (172_799, "47h"), (172_800, "2d"), (180_000, "2d2h"), (691_199, "7d23h"), (691_200, "8d"),
        (63_071_999, "729d"), (63_072_000, "2y"), (64_000_000, "2y10d"), (252_288_000, "8y"), (400_000_000, "12y"),
    ])
    func ages(seconds: Int64, text: String) { #expect(Age.text(seconds: seconds) == text) }

    /// Status of a pod: STATUS, READY, RESTARTS.
    @Test(arguments: [
        (#"{"phase":"Pending"}"#, "Pending", "0/2", "0"),
        (
            #"{"phase":"Pending","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"ContainerCreating"}}}]}"#,
            "ContainerCreating", "0/2", "0"
        ),
        (
            #"{"phase":"Running","containerStatuses":[{"name":"a","ready":true,"state":{"running":{}}},{"name":"b","ready":true,"state":{"running":{}}}]}"#,
            "Running", "2/2", "0"
        ),
        (
            #"{"phase":"Running","containerStatuses":[{"name":"a","restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"\#(ago(10))"}}},{"name":"b","ready":true,"state":{"running":{}}}]}"#,
            "CrashLoopBackOff", "1/2", "3 (10s ago)"
        ),
        (
            #"{"phase":"Succeeded","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}"#,
            "Completed", "0/2", "0"
        ),
        (
            #"{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":3}}}]}"#,
            "ExitCode:3", "0/2", "0"
        ),
        (
            #"{"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":137,"signal":9}}}]}"#,
            "Signal:9", "0/2", "0"
        ),
        (#"{"phase":"Failed","reason":"Evicted"}"#, "Evicted", "0/2", "0"),
        (
            #"{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":0,"reason":"Completed"}}},{"name":"b","ready":true,"state":{"running":{}}}]}"#,
            "Running", "1/2", "0"
        ),
        (
            #"{"phase":"Running","containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":0,"reason":"Completed"}}},{"name":"b","ready":true,"state":{"running":{}}}]}"#,
            "NotReady", "1/2", "0"
        ),
        (
            #"{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"running":{}}}]}"#, "Init:0/2", "0/2",
            "0"
        ),
        (
            #"{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}}},{"name":"j","restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#,
            "Init:CrashLoopBackOff", "0/2", "2"
        ),
        (
            #"{"phase":"Failed","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]}"#,
            "Init:Error", "0/2", "0"
        ),
    ])
    func podStatus(status: String, reason: String, ready: String, restarts: String) throws {
        let cells = try cells(
            "v1", "Pod",
            #"{"metadata":{"name":"p","creationTimestamp":"\#(Self.ago(90))"},"spec":{"initContainers":[{"name":"i"},{"name":"j"}],"containers":[{"name":"a"},{"name":"b"}]},"status":\#(status)}"#
        )
        #expect(cells[1...3] == [.string(ready), .string(reason), .string(restarts)])
        #expect(cells[4] == "90s")
    }

    @Test func terminatingPods() throws {
        let text = #"{"metadata":{"name":"p","deletionTimestamp":"\#(Self.ago(1))"},"status":{"phase":"PHASE"}}"#
        #expect(try cells("v1", "Pod", text.replacing("PHASE", with: "Running"))[2] == "Terminating")
        #expect(try cells("v1", "Pod", text.replacing("PHASE", with: "Succeeded"))[2] == "Succeeded")
    }

    /// As recorded from a real API server.
    @Test func recordedRows() throws {
        let age = #""creationTimestamp":"\#(Self.ago(13))""#
        #expect(
            try cells(
                "v1", "Pod",
                #"{"metadata":{"name":"n-1",\#(age)},"spec":{"nodeName":"hollow-1","containers":[{"name":"nginx"}]},"status":{"phase":"Running","podIPs":[{"ip":"192.168.192.168"}],"containerStatuses":[{"ready":true,"state":{"running":{}}}]}}"#
            ) == ["n-1", "1/1", "Running", "0", "13s", "192.168.192.168", "hollow-1", "<none>", "<none>"])
        let template = #""template":{"spec":{"containers":[{"name":"nginx","image":"nginx:1.14"}]}}"#
        #expect(
            try cells(
                "apps/v1", "Deployment",
                #"{"metadata":{"name":"nginx",\#(age)},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"nginx"}},\#(template)},"status":{"readyReplicas":3,"updatedReplicas":3,"availableReplicas":3}}"#
            ) == ["nginx", "3/3", 3, 3, "13s", "nginx", "nginx:1.14", "app=nginx"])
        #expect(
            try cells(
                "apps/v1", "ReplicaSet",
                #"{"metadata":{"name":"nginx-b5",\#(age)},"spec":{"replicas":3,"selector":{"matchLabels":{"pod-template-hash":"b5","app":"nginx"}},\#(template)},"status":{"replicas":3,"readyReplicas":3}}"#
            ) == ["nginx-b5", 3, 3, 3, "13s", "nginx", "nginx:1.14", "app=nginx,pod-template-hash=b5"])
        #expect(
            try cells(
                "v1", "Service",
                #"{"metadata":{"name":"kubernetes",\#(age)},"spec":{"type":"ClusterIP","clusterIP":"10.96.0.1","ports":[{"port":443,"protocol":"TCP"}]}}"#
            ) == ["kubernetes", "ClusterIP", "10.96.0.1", "<none>", "443/TCP", "13s", "<none>"])
        #expect(
            try cells(
                "v1", "Event",
                #"{"metadata":{"name":"hollow-1.18"},"type":"Normal","reason":"RegisteredNode","message":"Node hollow-1 event: Registered","involvedObject":{"kind":"Node","name":"hollow-1"},"source":{"component":"node-controller"},"firstTimestamp":"\#(Self.ago(36))","lastTimestamp":"\#(Self.ago(36))","count":1}"#
            ) == [
                "36s", "Normal", "RegisteredNode", "node/hollow-1", "", "node-controller",
                "Node hollow-1 event: Registered", "36s", 1, "hollow-1.18",
            ])
        #expect(
            try cells(
                "v1", "Node",
                #"{"metadata":{"name":"hollow-1",\#(age)},"status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"192.0.2.2"}],"nodeInfo":{"kubeletVersion":"v1.20.2","osImage":"Debian","kernelVersion":"3.16","containerRuntimeVersion":"fakeRuntime://0.1.0"}}}"#
            ) == [
                "hollow-1", "Ready", "<none>", "13s", "v1.20.2", "192.0.2.2", "<none>", "Debian", "3.16",
                "fakeRuntime://0.1.0",
            ])
        #expect(
            try cells("v1", "Namespace", #"{"metadata":{"name":"default",\#(age)},"status":{"phase":"Active"}}"#)
                == ["default", "Active", "13s"])
    }

    @Test func whatHasATemplateAndPriorityClasses() throws {
        let age = #""creationTimestamp":"\#(Self.ago(13))""#
        let template =
            #""template":{"metadata":{"labels":{"tier":"db","app":"web"}},"spec":{"containers":[{"name":"a","image":"i:1"},{"name":"b","image":"j:2"}]}}"#
        #expect(
            try cells(
                "v1", "ReplicationController",
                #"{"metadata":{"name":"rc",\#(age)},"spec":{"replicas":3,"selector":{"app":"web"},\#(template)},"status":{"replicas":2,"readyReplicas":1}}"#
            ) == ["rc", 3, 2, 1, "13s", "a,b", "i:1,j:2", "app=web"])
        #expect(
            try cells("v1", "PodTemplate", #"{"metadata":{"name":"pt",\#(age)},\#(template)}"#)
                == ["pt", "a,b", "i:1,j:2", "app=web,tier=db"])
        #expect(
            Tables.columns(of: GroupVersionKind(apiVersion: "v1", kind: "PodTemplate")).map(\.name)
                == ["Name", "Containers", "Images", "Pod Labels"])
        #expect(
            try cells(
                "scheduling.k8s.io/v1", "PriorityClass",
                #"{"metadata":{"name":"pc",\#(age)},"value":1000,"preemptionPolicy":"Never"}"#)
                == ["pc", 1000, false, "13s", "Never"])
        let event =
            #"{"metadata":{"name":"e",\#(age)},"eventTime":"\#(Self.ago(60).dropLast()).000000Z","regarding":{"kind":"Pod","name":"p"},"reason":"Why","note":"words","type":"Normal","reportingController":"me","reportingInstance":"me-0","series":{"count":4,"lastObservedTime":"\#(Self.ago(5).dropLast()).000000Z"}}"#
        #expect(
            try cells("events.k8s.io/v1", "Event", event)
                == ["5s", "Normal", "Why", "pod/p", "", "me, me-0", "words", "60s", 4, "e"])
    }

    @Test func everyRowFitsItsColumns() throws {
        for type in generatedKinds {
            let columns = Tables.columns(of: type.groupVersionKind)
            let row = Tables.row(of: ["metadata": ["name": "x"]], kind: type.groupVersionKind, now: Self.now)
            #expect(row.cells.count == columns.count, "\(type)")
            #expect(columns.contains { $0.format == "name" })
            // What is stored and cannot be read is shown all the same.
            let broken = Tables.row(
                of: ["metadata": ["name": "x"], "spec": "odd", "data": 5, "type": 1], kind: type.groupVersionKind,
                now: Self.now)
            #expect(broken.cells.count == columns.count, "\(type)")
        }
    }

    @Test func theObjectInARow() throws {
        let object: JSONValue = ["kind": "ConfigMap", "metadata": ["name": "x"], "data": ["a": "b"]]
        let kind = ConfigMap.groupVersionKind
        #expect(
            Tables.row(of: object, kind: kind, now: Self.now).object
                == ["kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": ["name": "x"]])
        #expect(Tables.row(of: object, kind: kind, now: Self.now, include: .object).object == object)
        #expect(Tables.row(of: object, kind: kind, now: Self.now, include: .none).object == nil)
        #expect(Tables.row(of: object, kind: kind, now: Self.now).cells == ["x", 1, "<unknown>"])
    }
}

/// `kubectl get` of Services and their endpoints, as the API server prints them.
@Suite struct ServiceTableTests {
    private func cells(_ kind: String, group: String = "", _ text: String) throws -> [JSONValue] {
        Tables.row(
            of: try JSONParser.parse(text.utf8), kind: GroupVersionKind(group: group, version: "v1", kind: kind),
            now: Timestamp(seconds: 1_800_000_000)
        ).cells
    }

    @Test(arguments: [
        (
            #""spec":{"type":"LoadBalancer","clusterIP":"10.96.0.7","externalIPs":["192.0.2.9"],"ports":[{"port":80,"nodePort":30080,"protocol":"TCP"}]},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.2"}]}}"#,
            ["LoadBalancer", "10.96.0.7", "192.0.2.2,192.0.2.9", "80:30080/TCP"]
        ),
        (
            #""spec":{"type":"LoadBalancer","clusterIP":"10.96.0.7","ports":[{"port":80,"protocol":"TCP"}]}"#,
            ["LoadBalancer", "10.96.0.7", "<pending>", "80/TCP"]
        ),
        (
            #""spec":{"type":"ExternalName","externalName":"example.com"}"#,
            ["ExternalName", "<none>", "example.com", "<none>"]
        ),
        (
            #""spec":{"type":"ClusterIP","clusterIP":"None","clusterIPs":["None"]}"#,
            ["ClusterIP", "None", "<none>", "<none>"]
        ),
        (
            #""spec":{"type":"ClusterIP","clusterIP":"10.96.0.10","ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}"#,
            ["ClusterIP", "10.96.0.10", "<none>", "53/UDP,53/TCP"]
        ),
    ])
    func services(members: String, expected: [String]) throws {
        #expect(
            try cells("Service", #"{"metadata":{"name":"s"},\#(members)}"#)[1...4] == expected.map { .string($0) }[...])
    }

    @Test(arguments: [
        ("[]", "<none>"),
        (
            #"[{"addresses":[{"ip":"10.244.0.2"},{"ip":"10.244.0.3"}],"ports":[{"port":80}]}]"#,
            "10.244.0.2:80,10.244.0.3:80"
        ),
        (#"[{"notReadyAddresses":[{"ip":"10.244.0.2"}],"ports":[{"port":80}]}]"#, ""),
        (#"[{"addresses":[{"ip":"fd00::2"}],"ports":[{"port":80}]}]"#, "[fd00::2]:80"),
        (#"[{"addresses":[{"ip":"10.244.0.2"}]}]"#, "10.244.0.2"),
        (
            #"[{"addresses":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}],"ports":[{"port":80},{"port":81}]}]"#,
            "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more..."
        ),
    ])
    func endpoints(subsets: String, expected: String) throws {
        #expect(
            try cells("Endpoints", #"{"metadata":{"name":"s"},"subsets":\#(subsets)}"#)
                == ["s", .string(expected), "<unknown>"])
    }

    @Test(arguments: [
        (#""addressType":"IPv4""#, ["IPv4", "<unset>", "<unset>"]),
        (
            #""addressType":"IPv4","ports":[{"name":"","port":80}],"endpoints":[{"addresses":["10.0.0.1"]},{"addresses":["10.0.0.2"]},{"addresses":["10.0.0.3"]},{"addresses":["10.0.0.4"]}]"#,
            ["IPv4", "80", "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more..."]
        ),
    ])
    func slices(members: String, expected: [String]) throws {
        let row = try cells("EndpointSlice", group: "discovery.k8s.io", #"{"metadata":{"name":"s-x"},\#(members)}"#)
        #expect(row == ["s-x"] + expected.map { .string($0) } + ["<unknown>"])
    }
}
