import KubernetesAPI
import Testing

/// PriorityClass with the admission of pods by class.
@Suite(.timeLimit(.minutes(2))) struct PriorityClassTests {
    private func priorityClass(_ name: String, _ value: Int32, isDefault: Bool = false) -> PriorityClass {
        var made = PriorityClass()
        made.metadata.name = name
        made.value = value
        made.globalDefault = isDefault
        return made
    }

    private func pod(_ name: String, _ className: String = "") -> Pod {
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = "default"
        var container = Container()
        container.name = "c"
        container.image = "busybox"
        pod.spec.containers = [container]
        pod.spec.priorityClassName = className
        return pod
    }

    @Test func podsGetWhatTheirClassSays() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            // Without classes of one's own.
            let plain = try await client.create(pod("plain"))
            #expect(plain.spec.priority == 0 && plain.spec.preemptionPolicy == .preemptLowerPriority)
            #expect(plain.spec.priorityClassName.isEmpty)
            let critical = try await client.create(pod("critical", "system-node-critical"))
            #expect(critical.spec.priority == 2_000_001_000)

            var precious = priorityClass("precious", 1000)
            precious.preemptionPolicy = .never
            _ = try await client.create(precious)
            let made = try await client.create(pod("precious", "precious"))
            #expect(made.spec.priority == 1000 && made.spec.preemptionPolicy == .never)

            let low = try await client.create(priorityClass("low", -5, isDefault: true))
            #expect(low.preemptionPolicy == .preemptLowerPriority)
            let unnamed = try await client.create(pod("unnamed"))
            #expect(unnamed.spec.priority == -5 && unnamed.spec.priorityClassName == "low")
            // It is the pod's for good, whatever becomes of the class.
            try await client.delete(PriorityClass.self, "low")
            #expect(try await client.get(Pod.self, "unnamed", namespace: "default").spec.priority == -5)
            #expect(try await client.create(pod("again")).spec.priority == 0)
        }
    }

    @Test func aPodCannotSayOtherwise() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let missing = await refusal { _ = try await client.create(pod("a", "none")) }
            #expect(missing?.code == 403)
            #expect(
                missing?.status.message == "pods \"a\" is forbidden: no PriorityClass with name none was found")
            var odd = pod("a")
            odd.spec.priority = 7
            let refused = await refusal { _ = try await client.create(odd) }
            #expect(
                refused?.status.message
                    == "pods \"a\" is forbidden: the integer value of priority (7) must not be provided in pod spec; "
                    + "priority admission controller computed 0 from the given PriorityClass name")
            odd.spec.priority = 0
            odd.spec.preemptionPolicy = .never
            let policy = await refusal { _ = try await client.create(odd) }
            #expect(policy?.status.message.contains("the string value of PreemptionPolicy (Never)") == true)
        }
    }

    @Test func thereIsOneDefault() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let first = try await client.create(priorityClass("first", 1, isDefault: true))
            var other = try await client.create(priorityClass("second", 2))
            other.globalDefault = true
            let second = other
            let message =
                "priorityclasses.scheduling.k8s.io \"second\" is forbidden: PriorityClass first is already marked as "
                + "default. Only one default can exist"
            let changed = await refusal { _ = try await client.update(second) }
            #expect(changed?.status.message == message)
            let made = await refusal { _ = try await client.create(priorityClass("second", 3, isDefault: true)) }
            #expect(made?.status.message == message)
            // The default itself may be changed, and pass that on.
            var described = first
            described.description = "for most"
            var plain = try await client.update(described)
            plain.globalDefault = false
            _ = try await client.update(plain)
            let passedOn = try await client.update(second)
            #expect(passedOn.globalDefault)
        }
    }

    @Test func systemClassesAreThereAndStay() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let present = try await client.list(PriorityClass.self).items
            #expect(
                present.map { "\($0.metadata.name) \($0.value)" }
                    == ["system-cluster-critical 2000000000", "system-node-critical 2000001000"])
            let error = await refusal { try await client.delete(PriorityClass.self, "system-node-critical") }
            #expect(error?.code == 403)
            #expect(
                error?.status.message
                    == "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a system "
                    + "priority class and cannot be deleted")
        }
    }

    @Test func whatAClassMayBe() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let high = await refusal { _ = try await client.create(priorityClass("high", 1_000_000_001)) }
            #expect(
                high?.status.message
                    == "PriorityClass.scheduling.k8s.io \"high\" is invalid: value: Forbidden: maximum allowed value of "
                    + "a user defined priority is 1000000000")
            let reserved = await refusal { _ = try await client.create(priorityClass("system-x", 1)) }
            #expect(
                reserved?.status.message
                    == "PriorityClass.scheduling.k8s.io \"system-x\" is invalid: metadata.name: Forbidden: priority "
                    + "class names with 'system-' prefix are reserved for system use only. error: system-x is not a "
                    + "known system priority class")
            let good = try await client.create(priorityClass("good", 1_000_000_000))
            let lower = await refusal {
                var lower = good
                lower.value = 5
                _ = try await client.update(lower)
            }
            #expect(
                lower?.status.message
                    == "PriorityClass.scheduling.k8s.io \"good\" is invalid: value: Forbidden: may not be changed in an "
                    + "update.")
            let meek = await refusal {
                var meek = good
                meek.preemptionPolicy = .never
                _ = try await client.update(meek)
            }
            #expect(
                meek?.status.message
                    == "PriorityClass.scheduling.k8s.io \"good\" is invalid: preemptionPolicy: Invalid value: "
                    + "\"Never\": field is immutable")
        }
    }
}
