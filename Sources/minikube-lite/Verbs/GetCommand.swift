import ArgumentParser
import KubernetesAPI

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Show objects.",
        usage: "minikube-lite get (TYPE[,TYPE...] [NAME...] | TYPE/NAME...) [options]")

    enum Output: String, ExpressibleByArgument, CaseIterable {
        case wide, yaml, json, name
    }

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "TYPE [NAME...], TYPE/NAME..., or several types with commas.")
    var resources: [String]

    @Option(name: .shortAndLong, help: "wide, yaml, json or name.")
    var output: Output?

    @Flag(name: [.customShort("A"), .long], help: "Objects of every namespace.")
    var allNamespaces = false

    @Option(name: [.customShort("l"), .long], help: "Label selector, e.g. app=web,tier!=test.")
    var selector: String?

    @Option(help: "Field selector, e.g. status.phase=Running.")
    var fieldSelector: String?

    @Flag(name: .shortAndLong, help: "Show changes as they happen, until interrupted.")
    var watch = false

    @Flag(help: "Leave the header out.")
    var noHeaders = false

    @Flag(help: "Show labels in the last column.")
    var showLabels = false

    mutating func run() async throws {
        let selection = try ResourceSelection(resources)
        if watch, selection.items.count > 1 {
            throw CommandFailure("error: one type or one object can be watched at a time", code: .usage)
        }
        if selector != nil || fieldSelector != nil, selection.items.contains(where: { $0.name != nil }) {
            throw CommandFailure("error: a name and a selector cannot be given together", code: .usage)
        }
        let command = self
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            switch command.output {
            case nil, .wide: try await command.printTables(selection, cluster)
            case .yaml, .json, .name: try await command.printObjects(selection, cluster)
            }
        }
    }

    private func request(_ verb: APIRequest.Verb, _ item: ResourceSelection.Item, _ cluster: Cluster) -> APIRequest {
        var options: [String: String] = [:]
        options["labelSelector"] = selector
        options["fieldSelector"] = fieldSelector
        // A single object is watched as a list of one: a watch of a name alone is not part of the API.
        let listed = item.name == nil || verb == .watch
        if verb == .watch, let name = item.name { options["fieldSelector"] = "metadata.name=\(name)" }
        return cluster.request(
            verb, item.resource, namespace: allNamespaces ? "" : nil, name: listed ? "" : item.name ?? "",
            options: options)
    }

    // MARK: Tables

    private func printTables(_ selection: ResourceSelection, _ cluster: Cluster) async throws {
        let severalTypes = Set(selection.items.map(\.resource)).count > 1
        var shown = 0
        var failure: (any Error)?
        // Named objects of one type stand in one table.
        for (resource, items) in Self.grouped(selection.items) {
            var text = TableText()
            text.wide = output == .wide
            text.showsNamespace = allNamespaces && resource.namespaced
            text.showsHeader = !noHeaders
            text.showsLabels = showLabels
            if severalTypes { text.namePrefix = ResourceNames.prefix(resource.kind) + "/" }
            var version = ""
            var table: Table?
            for item in items {
                do {
                    let json = try await cluster.transport.send(
                        request(item.name == nil ? .list : .get, item, cluster), as: .table)
                    let part = try Table(json: json)
                    version = part.metadata.resourceVersion
                    if table == nil { table = part } else { table?.rows += part.rows }
                } catch let error as APIError where error.isNotFound && items.count > 1 {
                    Console.error(CommandFailure.sentence(error))
                    failure = CommandFailure("")
                }
            }
            guard let table, !table.rows.isEmpty || watch else { continue }
            if shown > 0 { Console.line("") }
            shown += table.rows.count
            if !table.rows.isEmpty { for line in text.lines(table) { Console.line(line) } }
            if watch, let item = items.first { try await follow(item, cluster, from: version, &text) }
        }
        if let failure { throw failure }
        if shown == 0 {
            Console.error(
                allNamespaces || selection.items.allSatisfy { !$0.resource.namespaced }
                    ? "No resources found" : "No resources found in \(cluster.namespace) namespace.")
        }
    }

    private static func grouped(
        _ items: [ResourceSelection.Item]
    ) -> [(Schema.Resource, [ResourceSelection.Item])] {
        var groups: [(Schema.Resource, [ResourceSelection.Item])] = []
        for item in items {
            if let index = groups.firstIndex(where: { $0.0 == item.resource }) {
                groups[index].1.append(item)
            } else {
                groups.append((item.resource, [item]))
            }
        }
        return groups
    }

    private func follow(
        _ item: ResourceSelection.Item, _ cluster: Cluster, from version: String, _ text: inout TableText
    ) async throws {
        var version = version
        while true {
            var watch = request(.watch, item, cluster)
            watch.options["resourceVersion"] = version
            watch.options["allowWatchBookmarks"] = "true"
            for try await event in try await cluster.transport.watch(watch, as: .table) {
                if event.type == "ERROR" { throw APIError(status: try Status(json: event.object)) }
                let table = try Table(json: event.object)
                let seen = table.rows.last?.object?[path: "metadata", "resourceVersion"]?.stringValue
                version = seen ?? (table.metadata.resourceVersion.isEmpty ? version : table.metadata.resourceVersion)
                guard event.type != "BOOKMARK" else { continue }
                for line in text.lines(table) { Console.line(line) }
            }
        }
    }

    // MARK: Whole objects

    private func printObjects(_ selection: ResourceSelection, _ cluster: Cluster) async throws {
        var objects: [JSONValue] = []
        var version = ""
        for item in selection.items {
            let answer = try await cluster.transport.send(request(item.name == nil ? .list : .get, item, cluster))
            if item.name == nil {
                version = answer[path: "metadata", "resourceVersion"]?.stringValue ?? ""
                objects += (answer["items"]?.arrayValue ?? []).map { Self.typed($0, item.resource.kind) }
            } else {
                version = answer[path: "metadata", "resourceVersion"]?.stringValue ?? ""
                objects.append(answer)
            }
        }
        let single = selection.items.count == 1 && selection.items[0].name != nil
        if watch || single || output == .name {
            for object in objects { printObject(object) }
        } else {
            printObject([
                "apiVersion": "v1", "items": .array(objects), "kind": "List", "metadata": ["resourceVersion": ""],
            ])
        }
        guard watch, let item = selection.items.first else { return }
        while true {
            var watch = request(.watch, item, cluster)
            watch.options["resourceVersion"] = version
            for try await event in try await cluster.transport.watch(watch) {
                if event.type == "ERROR" { throw APIError(status: try Status(json: event.object)) }
                version = event.object[path: "metadata", "resourceVersion"]?.stringValue ?? version
                printObject(event.object)
            }
        }
    }

    /// Items of a list carry neither kind nor apiVersion of their own in every server's answer.
    private static func typed(_ object: JSONValue, _ kind: GroupVersionKind) -> JSONValue {
        var object = object
        if object["kind"] == nil { object["kind"] = .string(kind.kind) }
        if object["apiVersion"] == nil { object["apiVersion"] = .string(kind.apiVersion) }
        return object
    }

    private func printObject(_ object: JSONValue) {
        switch output {
        case .json: Console.line(PrettyJSON.text(object))
        case .yaml: Console.write((watch ? "---\n" : "") + YAMLText.text(object))
        default:
            let kind = GroupVersionKind(
                apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? "")
            Console.line("\(ResourceNames.prefix(kind))/\(object[path: "metadata", "name"]?.stringValue ?? "")")
        }
    }
}
