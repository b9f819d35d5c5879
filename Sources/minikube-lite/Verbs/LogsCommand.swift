import ArgumentParser
import KubernetesAPI

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a container has written.",
        usage: "minikube-lite logs (POD | TYPE/NAME) [options]")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "A pod, or TYPE/NAME such as deployment/web (its first pod).")
    var target: String

    @Option(name: .shortAndLong, help: "Container. Default: the only one, or the pod's default one.")
    var container: String?

    @Flag(name: .shortAndLong, help: "Go on with what is written from now on.")
    var follow = false

    @Flag(name: .shortAndLong, help: "The instance before the last restart.")
    var previous = false

    @Option(help: "Only so many of the last lines.")
    var tail: Int?

    @Option(help: "Only what is not older than this, e.g. 30s, 5m, 1h30m.")
    var since: String?

    @Flag(help: "Put its time before each line.")
    var timestamps = false

    mutating func run() async throws {
        var options: [String: String] = [:]
        options["container"] = container
        if follow { options["follow"] = "true" }
        if previous { options["previous"] = "true" }
        if timestamps { options["timestamps"] = "true" }
        if let tail, tail >= 0 { options["tailLines"] = String(tail) }
        if let since {
            guard let seconds = DurationText.seconds(since), seconds > 0 else {
                throw CommandFailure(
                    "error: --since \"\(since)\" is not a duration such as 30s, 5m or 1h30m", code: .usage)
            }
            options["sinceSeconds"] = String(seconds)
        }
        let target = target
        let query = options
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            let pod = try await PodPicker.pod(of: target, cluster)
            let path = "/api/v1/namespaces/\(cluster.namespace)/pods/\(pod)/log"
            for try await bytes in try await cluster.transport.stream(HTTPSTransport.target(path, query)) {
                Console.write(bytes)
            }
        }
    }
}

/// Finds the pod that a command is about.
enum PodPicker {
    /// `POD`, `pod/POD`, or a workload with a selector: then its first pod by name, said on standard error.
    static func pod(of target: String, _ cluster: Cluster) async throws -> String {
        guard target.contains("/") else { return target }
        guard let (resource, name) = try ResourceSelection([target]).named().first else { return target }
        if resource.kind == Pod.groupVersionKind { return name }
        let owner = try await cluster.transport.send(cluster.request(.get, resource, name: name))
        guard let labels = owner[path: "spec", "selector"].flatMap(selectorText) else {
            throw CommandFailure("error: \(target) selects no pods")
        }
        let pods = try await cluster.client.list(
            Pod.self, namespace: cluster.namespace, options: ["labelSelector": labels]
        ).items.map(\.metadata.name).sorted()
        guard let first = pods.first else { throw CommandFailure("error: \(target) has no pods") }
        if pods.count > 1 { Console.error("Found \(pods.count) pods, using pod/\(first)") }
        return first
    }

    /// A label selector as a query has it; nil where it is empty.
    private static func selectorText(_ selector: JSONValue) -> String? {
        // A Service's selector is a plain map.
        let labels = (selector["matchLabels"] ?? selector).objectValue ?? JSONObject()
        var terms = labels.compactMap { key, value in value.stringValue.map { "\(key)=\($0)" } }
        for expression in selector["matchExpressions"]?.arrayValue ?? [] {
            let key = expression["key"]?.stringValue ?? ""
            let values = (expression["values"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: ",")
            switch expression["operator"]?.stringValue {
            case "In": terms.append("\(key) in (\(values))")
            case "NotIn": terms.append("\(key) notin (\(values))")
            case "Exists": terms.append(key)
            default: terms.append("!\(key)")
            }
        }
        return terms.isEmpty ? nil : terms.joined(separator: ",")
    }
}

/// Durations as Go writes them: `300ms`, `1m30s`, `2h`.
enum DurationText {
    /// Whole seconds, rounded up; nil where it is none. A number alone is seconds.
    static func seconds(_ text: String) -> Int64? {
        if let plain = Int64(text) { return plain }
        return exactSeconds(text).map { Int64($0.rounded(.up)) }
    }

    /// Seconds and their fractions; nil where it is no duration.
    static func exactSeconds(_ text: String) -> Double? {
        var total = 0.0
        var number = ""
        var unit = ""
        func flush() -> Bool {
            let factors = ["ms": 0.001, "s": 1, "m": 60, "h": 3600]
            guard let value = Double(number), let factor = factors[unit] else { return false }
            total += value * factor
            return true
        }
        for character in text {
            if character.isNumber || character == "." {
                if !unit.isEmpty {
                    guard flush() else { return nil }
                    number = ""
                    unit = ""
                }
                number.append(character)
            } else {
                unit.append(character)
            }
        }
        return flush() && total < 1e12 ? total : nil
    }
}
