import Foundation
import KubernetesAPI
import Testing

@testable import Laboratory

@Suite struct ExperimentFileTests {
    private func problems(_ text: String, folder: String = "/") -> [String] {
        do {
            _ = try ExperimentFile.parse(Array(text.utf8), folder: folder)
            return []
        } catch {
            return error.problems
        }
    }

    /// A good file with one factor, `vary` being what stands below its dash.
    private func file(vary: String, spec: String = "") -> String {
        """
        apiVersion: minikube-lite/v1alpha1
        kind: Experiment
        metadata: {name: test}
        spec:
          question: Does it work?
          template:
            spec:
              containers:
              - {name: main, image: workload}
          vary:
          - \(vary)
          \(spec)
        """
    }

    @Test func templatesAreGoodAndTheExamplesAreTheirs() throws {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        for template in ExperimentTemplate.all {
            let experiment = try ExperimentFile.parse(Array(template.text.utf8), folder: "/")
            #expect(experiment.name == template.name)
            #expect(template.file(name: "other").contains("\n  name: other\n"))
            guard template.name != ExperimentTemplate.starter.name else { continue }
            let path = repository.appendingPathComponent("examples/experiments/\(template.name).yaml").path
            #expect(FileManager.default.contents(atPath: path) == Data(template.text.utf8), "\(path)")
        }
    }

    @Test func aFileIsReadAsItIsWritten() throws {
        let text = file(
            vary: "{knob: memory.max, values: [32Mi, 1.5Gi, max, none], baseline: max}",
            spec: """
                repeat: 5
                  seed: 7
                  duration: 1m30s
                  warmup: 500ms
                  interval: 20ms
                  sample: [cpu, memory]
                  measure:
                  - memory.peak
                  - {printed: p99, unit: ms, take: max, better: lower, target: 20}
                """)
        let experiment = try ExperimentFile.parse(Array(text.utf8), folder: "/")
        #expect(experiment.name == "test")
        #expect(experiment.namespace == "experiment-test")
        #expect(experiment.container == "main")
        #expect(experiment.template.spec.restartPolicy == .never)
        #expect(
            experiment.factors[0].values == [
                .number(33_554_432), .number(1_610_612_736), .word("max"), .word("none"),
            ])
        #expect(experiment.factors[0].baseline == .word("max"))
        #expect(experiment.repeats == 5)
        #expect(experiment.seed == 7)
        #expect(experiment.duration == .seconds(90))
        #expect(experiment.warmup == .milliseconds(500))
        #expect(experiment.timeout == .seconds(150))
        #expect(experiment.interval == .milliseconds(20))
        #expect(experiment.measurement.cgroupSeries.allSatisfy { $0.group == .cpu || $0.group == .memory })
        #expect(experiment.measurement.measures.prefix(2).map(\.name) == ["memory.peak", "p99"])
        #expect(experiment.measurement.measures[1].target == 20)
        #expect(experiment.measurement.measures.contains { $0.name == "wall_time" })
        #expect(experiment.measurement.printed.map(\.take) == [.max])
        #expect(experiment.digest.hasPrefix("sha256:"))
    }

    @Test(arguments: [
        ("{knob: cpu.max, range: {from: 100m, to: 400m, step: 100m}}", [0.1, 0.2, 0.3, 0.4]),
        ("{knob: cpu.max, logRange: {from: 125m, to: 1, steps: 4}}", [0.125, 0.25, 0.5, 1]),
        ("{knob: pids.max, range: {from: 10, to: 24, step: 5}}", [10, 15, 20]),
        ("{knob: memory.high, logRange: {from: 1Mi, to: 4Mi, steps: 3}}", [1_048_576, 2_097_152, 4_194_304]),
        ("{knob: cpu.weight, values: [100, 400]}", [100, 400]),
        ("{env: SIZE, range: {from: 0.5, to: 1, step: 0.25}}", [0.5, 0.75, 1]),
    ])
    func valuesOfRanges(_ vary: String, _ expected: [Double]) throws {
        let experiment = try ExperimentFile.parse(Array(file(vary: vary).utf8), folder: "/")
        #expect(experiment.factors[0].values == expected.map(ExperimentValue.number))
    }

    @Test(arguments: [
        ("{knob: memory.maxx, values: [1Mi]}", "spec.vary[0].knob: unknown knob \"memory.maxx\""),
        ("{knob: memory.max, range: {from: 64Mi, to: 32Mi, step: 1Mi}}", "spec.vary[0].range: is empty"),
        ("{knob: memory.max, values: []}", "spec.vary[0].values: must not be empty"),
        ("{knob: memory.max, values: [100ms]}", "spec.vary[0].values[0]: must be whole bytes"),
        ("{knob: memory.max, values: [64Mi, 0]}", "spec.vary[0].values[1]: must be greater than 0"),
        ("{knob: memory.max, values: [64Mi, 65536Ki]}", "spec.vary[0].values[1]: 64Mi is there twice"),
        ("{knob: cpu.max, values: [1m]}", "spec.vary[0].values[0]: must be 10m or more"),
        ("{knob: cpu.weight, values: [0]}", "spec.vary[0].values[0]: must be between 1 and 10000, inclusive"),
        ("{knob: cpu.weight, values: [5.5]}", "spec.vary[0].values[0]: must be a whole number"),
        ("{knob: cpu.max.period, values: [2s]}", "spec.vary[0].values[0]: must be between 1000 and 1000000 micro"),
        ("{knob: memory.max}", "spec.vary[0]: name its values"),
        ("{knob: memory.max, values: [1Mi], range: {}}", "spec.vary[0]: has range and values"),
        ("{values: [1]}", "spec.vary[0]: name what to vary"),
        ("{knob: memory.max, container: other, values: [1Mi]}", "spec.vary[0].container: there is no container"),
        ("{knob: memory.max, neighbour: other, values: [1Mi]}", "spec.vary[0].neighbour: there is no neighbour"),
        ("{knob: memory.max, valeus: [1Mi]}", "spec.vary[0].valeus: unknown field"),
        ("{knob: io.max, device: \"8:0\", values: [1Mi]}", "spec.vary[0].limit: required"),
        (
            "{knob: cpuset.cpus, range: {from: 0, to: 1, step: 1}}",
            "spec.vary[0].range.step: cpuset.cpus has no numbers"
        ),
        (
            "{knob: memory.max, bisect: {from: 1Mi, to: 9Mi, tolerance: 1Mi, for: speed > 3}}",
            "spec.vary[0].bisect.for: \"speed\" is neither outcome nor a measure"
        ),
        (
            "{knob: memory.max, bisect: {from: 1Mi, to: 9Mi, tolerance: 1Mi, for: outcome == done}}",
            "spec.vary[0].bisect.for: \"done\" is no outcome"
        ),
        (
            "{knob: memory.max, bisect: {from: 1Mi, to: 9Mi, tolerance: 9Mi, for: outcome == completed}}",
            "spec.vary[0].bisect.tolerance: must be less than the width"
        ),
        (
            "{knob: memory.max, bisect: {from: 1Mi, to: 9Mi, tolerance: 1, for: outcome == completed}}",
            "spec.vary[0].bisect.tolerance: must be 4Ki or more"
        ),
        // What the API would refuse, and the values that bring it about.
        ("{knob: memory.high, values: [64Mi], container: main, name: \"memory.peak\"}", "spec.vary[0]: the name"),
        ("{knob: cpu.max.period, values: [10ms]}", "spec.vary[0].knob: cpu.max.period needs a quota"),
        (
            "{knob: cpuset.cpus, values: [\"0\", \"1-\"]}",
            "spec.template.metadata.annotations[main.cgroup.minikube-lite/cpuset.cpus]"
        ),
    ])
    func aBadFactorIsNamedByItsPath(_ vary: String, _ expected: String) {
        let found = problems(file(vary: vary))
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test(arguments: [
        ("repeat: 0", "spec.repeat: must be a whole number between 1 and 1000"),
        ("duration: 10", "spec.duration: must be a time with a unit"),
        ("duration: 5 parsecs", "spec.duration: must be a time with a unit"),
        ("warmup: 2s\n  duration: 1s", "spec.warmup: must be shorter than the duration"),
        ("timeout: 5s\n  duration: 10s", "spec.timeout: must be longer than the duration"),
        ("measure: [speed]", "spec.measure[0]: unknown measure \"speed\""),
        ("measure: [memory.peak, memory.peak]", "spec.measure[1]: measure \"memory.peak\" is there twice"),
        ("measure: [{printed: a, from: nobody}]", "spec.measure[0].from: nobody is named \"nobody\""),
        ("measure: [{printed: wall_time}]", "spec.measure[0].printed: \"wall_time\" is a measure of the laboratory"),
        ("measure: [{printed: a, target: 3}]", "spec.measure[0].target: needs better"),
        ("sample: [cpu, gpu]", "spec.sample[1]: unknown series \"gpu\""),
        ("load: {}", "spec.load: must have either command"),
        ("load: {container: {imagee: x}}", "spec.load.container.imagee: unknown field"),
        ("neighbours: [{name: Noisy, template: {spec: {}}}]", "spec.neighbours[0].name: must be a DNS label"),
        ("colour: red", "spec.colour: unknown field"),
        ("container: other", "spec.container: there is no container \"other\""),
    ])
    func aBadSpecIsNamedByItsPath(_ spec: String, _ expected: String) {
        let found = problems(file(vary: "{knob: memory.max, values: [64Mi]}", spec: spec))
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test func everyProblemIsTold() {
        let found = problems(
            """
            apiVersion: v1
            kind: Experiment
            metadata: {name: Test}
            spec:
              template: {spec: {containers: [{name: main, image: workload, imagge: x}]}}
              vary: [{knob: nothing}]
              repeat: 0
            """)
        let paths = found.map { String($0.prefix { $0 != ":" }) }
        #expect(
            Set(paths).isSuperset(of: [
                "apiVersion", "metadata.name", "spec.question", "spec.template.spec.containers[0].imagge",
                "spec.repeat",
            ]), "\(found)")
    }

    @Test func theTemplateIsCheckedAsTheAPIDoes() {
        let text = file(vary: "{knob: memory.max, values: [64Mi]}")
            .replacing("image: workload}", with: "image: workload, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}")
        let found = problems(text)
        #expect(found.contains { $0.hasPrefix("spec.template.spec.containers[0].resources.requests") }, "\(found)")
    }

    @Test func aValueThatTheAPIRefusesIsNamed() {
        let text = file(vary: "{knob: memory.high, values: [32Mi, 96Mi]}")
            .replacing("image: workload}", with: "image: workload, resources: {limits: {memory: 64Mi}}}")
        let found = problems(text)
        #expect(found.count == 1 && found[0].hasSuffix("(with memory.high=96Mi)"), "\(found)")
    }

    @Test func theDigestIsOfAllFiles() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let pod = folder.appendingPathComponent("pod.yaml")
        let text = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: test}
            spec:
              question: Does it work?
              templateFile: pod.yaml
              vary: [{knob: memory.max, values: [64Mi]}]
            """
        func digest(_ image: String) throws -> String {
            try Data(
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: \(image)}]}".utf8
            ).write(to: pod)
            let experiment = try ExperimentFile.parse(Array(text.utf8), folder: folder.path)
            #expect(experiment.template.spec.containers.map(\.image) == [image])
            return experiment.digest
        }
        let first = try digest("one")
        #expect(try digest("one") == first)
        #expect(try digest("two") != first)
        #expect(problems(text, folder: "/nowhere").contains { $0.hasPrefix("spec.templateFile: ") })
    }
}
