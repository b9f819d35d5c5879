import Foundation
import Glibc
import InternetAddress
import LinuxKernel

/// Something on this machine that does not agree with the facts.
public struct InvariantViolation: Sendable, Hashable, CustomStringConvertible {
    public enum Subject: String, Sendable, CaseIterable {
        case process, cgroup, namespace, mount, device, address, nftables, folder
    }
    public var subject: Subject
    /// A path, a pid, a device.
    public var object: String
    /// What is wrong with it.
    public var message: String

    public var description: String { "\(subject.rawValue) \(object): \(message)" }
}

/// Compares what is on this machine under one instance's names (processes, control groups, namespaces, mounts, devices,
/// addresses, nftables objects, folders) with the runtime's facts. It changes nothing, and does not ask the runtime: it reads
/// the facts from disk, so that a wrong runtime cannot hide.
///
/// While pods come and go a comparison sees things half done: ask again, and believe what is said twice.
/// All calls block.
public struct InvariantChecker: Sendable {
    let configuration: RuntimeConfiguration

    public init(configuration: RuntimeConfiguration) {
        self.configuration = configuration
    }

    /// Everything that differs from the facts on disk, for a node that is up.
    ///
    /// - Parameter expected: ids of the sandboxes that have to be there; nil takes those that have a folder.
    public func check(expected: Set<String>? = nil) throws -> [InvariantViolation] {
        var found: [InvariantViolation] = []
        let sandboxes = try readSandboxes(&found)
        if let expected {
            for id in expected.subtracting(sandboxes.keys).sorted() {
                found.append(InvariantViolation(subject: .folder, object: id, message: "the sandbox has no facts"))
            }
            for id in Set(sandboxes.keys).subtracting(expected).sorted() {
                found.append(
                    InvariantViolation(
                        subject: .folder, object: folder(id), message: "facts of a sandbox that should be gone"))
            }
        }
        try checkFolders(Set(sandboxes.keys), &found)
        try checkCgroups(sandboxes, &found)
        try checkNamespaces(sandboxes, &found)
        try checkMounts(sandboxes, &found)
        try checkNetwork(sandboxes, &found)
        return found
    }

    /// Everything that a node which is down has left behind: empty after `tearDown`.
    public func leaks() throws -> [InvariantViolation] {
        var found: [InvariantViolation] = []
        for path in [configuration.cgroupParent, configuration.cgroupParent + "-system"] where FileAccess.exists(path) {
            found.append(InvariantViolation(subject: .cgroup, object: path, message: "left behind"))
            for process in try processes(below: path).sorted() {
                found.append(
                    InvariantViolation(subject: .process, object: "\(process)", message: "still runs in \(path)"))
            }
        }
        try checkMounts([:], &found)
        for link in try links() where link.name == configuration.bridge || link.name.hasPrefix(devicePrefix) {
            found.append(InvariantViolation(subject: .device, object: link.name, message: "left behind"))
        }
        for family in IPAddress.Family.allCases where try tables(family).contains(table) {
            found.append(InvariantViolation(subject: .nftables, object: table, message: "left behind"))
        }
        for path in [configuration.runDirectory + "/pods", configuration.dataDirectory + "/sandboxes"]
        where FileAccess.exists(path) {
            for name in try FileAccess.list(path) {
                found.append(InvariantViolation(subject: .folder, object: "\(path)/\(name)", message: "left behind"))
            }
        }
        return found
    }

    // MARK: Facts

    struct Facts {
        var record: SandboxRecord
        var containers: [ContainerRecord]
    }

    private func folder(_ id: String) -> String { SandboxPaths(configuration, id: id).run }

    private func readSandboxes(_ found: inout [InvariantViolation]) throws -> [String: Facts] {
        var sandboxes: [String: Facts] = [:]
        let pods = configuration.runDirectory + "/pods"
        guard FileAccess.exists(pods) else { return [:] }
        for id in try FileAccess.list(pods) {
            let paths = SandboxPaths(configuration, id: id)
            guard let record = try? PodRuntimeFacts.read(SandboxRecord.self, from: paths.record) else {
                found.append(
                    InvariantViolation(subject: .folder, object: paths.run, message: "its facts cannot be read"))
                continue
            }
            var containers: [ContainerRecord] = []
            for name in (try? FileAccess.list(paths.containers)) ?? [] {
                let path = "\(paths.containers)/\(name)/container.json"
                if let container = try? PodRuntimeFacts.read(ContainerRecord.self, from: path) {
                    containers.append(container)
                } else if FileAccess.exists(path) {
                    found.append(
                        InvariantViolation(subject: .folder, object: path, message: "its facts cannot be read"))
                }
            }
            sandboxes[id] = Facts(record: record, containers: containers)
        }
        return sandboxes
    }

    private func checkFolders(_ ids: Set<String>, _ found: inout [InvariantViolation]) throws {
        let storage = configuration.dataDirectory + "/sandboxes"
        guard FileAccess.exists(storage) else { return }
        for name in try FileAccess.list(storage) where !ids.contains(name) {
            found.append(
                InvariantViolation(subject: .folder, object: "\(storage)/\(name)", message: "storage of no sandbox"))
        }
    }

    // MARK: Control groups and processes

    private func checkCgroups(_ sandboxes: [String: Facts], _ found: inout [InvariantViolation]) throws {
        let tree = try CgroupTree(parent: configuration.cgroupParent)
        let pods = try tree.pods()
        for (id, path) in pods.sorted(by: { $0.key < $1.key }) where sandboxes[id] == nil {
            found.append(InvariantViolation(subject: .cgroup, object: path, message: "belongs to no sandbox"))
        }
        var supervisors: Set<Int32> = []
        for (id, facts) in sandboxes.sorted(by: { $0.key < $1.key }) where facts.record.phase == .ready {
            if facts.record.shimPID > 0, Process.startTime(of: facts.record.shimPID) == facts.record.shimStartTime {
                supervisors.insert(facts.record.shimPID)
            } else {
                found.append(
                    InvariantViolation(
                        subject: .process, object: "\(facts.record.shimPID)", message: "the supervisor of \(id) is gone"
                    ))
            }
            guard let pod = pods[id] else {
                found.append(
                    InvariantViolation(subject: .cgroup, object: facts.record.cgroup, message: "sandbox \(id) has none")
                )
                continue
            }
            try checkContainers(facts, pod: pod, &found)
        }
        guard FileAccess.exists(tree.system) else { return }
        for process in try processes(below: tree.system).subtracting(supervisors).sorted() {
            found.append(
                InvariantViolation(
                    subject: .process, object: "\(process)", message: "in \(tree.system), but supervises no sandbox"))
        }
    }

    private func checkContainers(_ facts: Facts, pod: String, _ found: inout [InvariantViolation]) throws {
        let known = Set(facts.containers.map(\.cgroup))
        for name in try FileAccess.directories(pod) {
            if !known.contains("\(pod)/\(name)") {
                found.append(
                    InvariantViolation(subject: .cgroup, object: "\(pod)/\(name)", message: "belongs to no container"))
            }
        }
        for process in try ownProcesses(pod) {
            found.append(InvariantViolation(subject: .process, object: "\(process)", message: "in \(pod) itself"))
        }
        for container in facts.containers {
            let inside = (try? processes(below: container.cgroup)) ?? []
            if container.status.exit != nil || hasExited(container, of: facts) {
                for process in inside.sorted() {
                    found.append(
                        InvariantViolation(
                            subject: .process, object: "\(process)",
                            message: "outlives container \(container.key) in \(container.cgroup)"))
                }
            } else if container.status.startedAt != nil, !inside.contains(container.status.pid) {
                found.append(
                    InvariantViolation(
                        subject: .process, object: "\(container.status.pid)",
                        message: "container \(container.key) should run it in \(container.cgroup)"))
            }
        }
    }

    /// The supervisor has written the exit, and nobody has read it yet.
    private func hasExited(_ container: ContainerRecord, of facts: Facts) -> Bool {
        FileAccess.exists(SandboxPaths(configuration, id: facts.record.configuration.id).exit(container.key))
    }

    private func ownProcesses(_ path: String) throws -> [Int32] {
        try FileAccess.readText(path + "/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
    }

    private func processes(below path: String) throws -> Set<Int32> {
        var all = Set(try ownProcesses(path))
        for name in try FileAccess.directories(path) {
            all.formUnion(try processes(below: "\(path)/\(name)"))
        }
        return all
    }

    // MARK: Namespaces and mounts

    /// Containers of a pod share the network, UTS and IPC namespaces, which are not the host's unless the pod asked for it; each
    /// has a mount namespace of its own.
    private func checkNamespaces(_ sandboxes: [String: Facts], _ found: inout [InvariantViolation]) throws {
        func namespace(_ pid: Int32, _ kind: String) -> String? {
            try? FileAccess.linkTarget("/proc/\(pid)/ns/\(kind)")
        }
        var owners: [String: String] = [:]
        for (id, facts) in sandboxes.sorted(by: { $0.key < $1.key }) where facts.record.phase == .ready {
            let running = facts.containers.filter {
                $0.status.exit == nil && $0.status.startedAt != nil && !hasExited($0, of: facts)
            }
            for (kind, sharesHost) in [
                ("net", facts.record.configuration.hostNetwork), ("uts", facts.record.configuration.hostNetwork),
                ("ipc", facts.record.configuration.hostIPC),
            ] {
                let host = namespace(getpid(), kind)
                let own = Set(running.compactMap { namespace($0.status.pid, kind) })
                if own.count > 1 {
                    found.append(
                        InvariantViolation(
                            subject: .namespace, object: own.sorted().joined(separator: " "),
                            message: "containers of \(id) do not share \(kind)"))
                }
                guard let only = own.first, own.count == 1 else { continue }
                if only == host {
                    // With hostNetwork the pod has the host's UTS namespace in Kubernetes; one of its own is no error.
                    if !sharesHost {
                        found.append(
                            InvariantViolation(
                                subject: .namespace, object: only, message: "\(id) is in the host's \(kind) namespace"))
                    }
                } else if let other = owners.updateValue(id, forKey: only), other != id {
                    found.append(
                        InvariantViolation(subject: .namespace, object: only, message: "shared by \(other) and \(id)"))
                }
            }
            for container in running {
                guard let mounts = namespace(container.status.pid, "mnt") else { continue }
                let name = "\(id)/\(container.key)"
                if mounts == namespace(getpid(), "mnt") {
                    found.append(
                        InvariantViolation(
                            subject: .namespace, object: mounts, message: "\(name) is in the host's mount namespace"))
                } else if let other = owners.updateValue(name, forKey: mounts) {
                    found.append(
                        InvariantViolation(
                            subject: .namespace, object: mounts, message: "shared by \(other) and \(name)"))
                }
            }
        }
    }

    /// In this mount namespace there is one mount for each sandbox: its shared memory.
    private func checkMounts(_ sandboxes: [String: Facts], _ found: inout [InvariantViolation]) throws {
        let allowed = Set(sandboxes.keys.map { SandboxPaths(configuration, id: $0).sharedMemory })
        let places = [configuration.runDirectory + "/pods/", configuration.dataDirectory + "/sandboxes/"]
        for line in try FileAccess.readText("/proc/self/mountinfo").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 5 else { continue }
            let target = CgroupMount.unescape(String(fields[4]))
            if places.contains(where: target.hasPrefix), !allowed.contains(target) {
                found.append(InvariantViolation(subject: .mount, object: target, message: "belongs to no sandbox"))
            }
        }
    }

    // MARK: Network

    private var devicePrefix: String { PodNetwork.devicePrefix(of: configuration.bridge) }
    private var table: String { PodNetwork.tableName(of: configuration.bridge) }

    private func links() throws -> [RouteMessage.Link] {
        try NetlinkSocket(.route).request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
    }

    private func tables(_ family: IPAddress.Family) throws -> [String] {
        try NetlinkSocket(.netfilter).request([TablesMessage.listTables(family)]).compactMap(TablesMessage.tableName)
    }

    private func checkNetwork(_ sandboxes: [String: Facts], _ found: inout [InvariantViolation]) throws {
        let (leases, unreadable) = try AddressPool.read(
            configuration.runDirectory + "/network/addresses", ranges: configuration.podCIDRs)
        for path in unreadable {
            found.append(InvariantViolation(subject: .address, object: path, message: "its record cannot be read"))
        }
        let links = try links()
        let bridge = links.first { $0.name == configuration.bridge }
        if bridge == nil {
            found.append(
                InvariantViolation(subject: .device, object: configuration.bridge, message: "the bridge is gone"))
        }
        for family in configuration.podCIDRs.map(\.family) where try !tables(family).contains(table) {
            found.append(
                InvariantViolation(subject: .nftables, object: table, message: "the table is gone (IP\(family))"))
        }
        let leased = Set(leases.values.map(\.device))
        let ours = links.filter { $0.name.hasPrefix(devicePrefix) }
        for link in ours {
            if !leased.contains(link.name) {
                found.append(InvariantViolation(subject: .device, object: link.name, message: "belongs to no pod"))
            }
            if let bridge, link.master != bridge.index {
                found.append(
                    InvariantViolation(subject: .device, object: link.name, message: "is no port of \(bridge.name)"))
            }
        }
        for (_, lease) in leases.sorted(by: { $0.key < $1.key }) where !lease.leaving && !lease.id.isEmpty {
            let texts = (lease.addresses ?? []).map(\.description)
            let text = texts.joined(separator: ", ")
            guard let facts = sandboxes[lease.id] else {
                found.append(
                    InvariantViolation(subject: .address, object: text, message: "held by \(lease.id), which is gone"))
                continue
            }
            guard facts.record.phase == .ready else { continue }
            if facts.record.addresses != texts {
                found.append(
                    InvariantViolation(
                        subject: .address, object: text, message: "sandbox \(lease.id) has \(facts.record.addresses)"))
            }
            if !ours.contains(where: { $0.name == lease.device }) {
                found.append(
                    InvariantViolation(
                        subject: .device, object: lease.device, message: "the device of \(lease.id) is gone"))
            }
        }
        for (id, facts) in sandboxes.sorted(by: { $0.key < $1.key })
        where facts.record.phase == .ready && !facts.record.configuration.hostNetwork {
            if !leases.values.contains(where: { $0.id == id && !$0.leaving }) {
                found.append(InvariantViolation(subject: .address, object: id, message: "the sandbox holds no address"))
            }
        }
    }
}

/// The reader of records, under a name that the checker's own `Facts` does not hide.
private typealias PodRuntimeFacts = Facts
