/// Where one pod's things are.
///
/// ```
/// <run>/pods/<id>/              live facts, on a tmpfs
///   sandbox.json                configuration, addresses, shim
///   shim.sock, shim.log, trace
///   rootfs/                     where containers mount their root, each in its own mount namespace
///   shm/                        tmpfs, /dev/shm of all containers
///   containers/<name>-<attempt>/{container.json,process.json,exit}
/// <data>/sandboxes/<id>/        what containers can write: on the disk
///   hosts, hostname, resolv.conf
///   containers/<name>-<attempt>/{upper,work,termination-log}
/// ```
struct SandboxPaths: Sendable, Hashable {
    let run: String
    let data: String

    init(_ configuration: RuntimeConfiguration, id: String) {
        self.init(run: configuration.runDirectory, data: configuration.dataDirectory, id: id)
    }

    init(run: String, data: String, id: String) {
        self.run = "\(run)/pods/\(id)"
        self.data = "\(data)/sandboxes/\(id)"
    }

    var record: String { run + "/sandbox.json" }
    var trace: String { run + "/trace" }
    var shimLog: String { run + "/shim.log" }
    var root: String { run + "/rootfs" }
    var sharedMemory: String { run + "/shm" }
    var containers: String { run + "/containers" }
    var hosts: String { data + "/hosts" }
    var hostname: String { data + "/hostname" }
    var resolvConf: String { data + "/resolv.conf" }

    /// Facts of one attempt.
    func facts(_ key: ContainerKey) -> String { "\(containers)/\(key)" }
    func record(_ key: ContainerKey) -> String { facts(key) + "/container.json" }
    func process(_ key: ContainerKey) -> String { facts(key) + "/process.json" }
    func exit(_ key: ContainerKey) -> String { facts(key) + "/exit" }
    /// Its writable layer and termination message.
    func storage(_ key: ContainerKey) -> String { "\(data)/containers/\(key)" }
    func upper(_ key: ContainerKey) -> String { storage(key) + "/upper" }
    func work(_ key: ContainerKey) -> String { storage(key) + "/work" }
    func terminationMessage(_ key: ContainerKey) -> String { storage(key) + "/termination-log" }
}

extension ContainerStatus {
    /// The directory with what the container has changed in its root file system; gone soon after its end.
    ///
    /// - Parameters:
    ///   - dataDirectory: as in `RuntimeConfiguration`.
    ///   - sandbox: the sandbox's id.
    public func writableLayer(dataDirectory: String, sandbox: String) -> String {
        SandboxPaths(run: "", data: dataDirectory, id: sandbox).upper(ContainerKey(name: name, attempt: attempt))
    }
}

/// One attempt of one container: `<name>-<attempt>` in paths, cgroups and messages.
struct ContainerKey: Sendable, Hashable, Codable, CustomStringConvertible {
    let name: String
    let attempt: Int

    var description: String { "\(name)-\(attempt)" }
}
