import Failpoint
import Foundation
import LinuxKernel

/// The facts about a sandbox that survive the agent: `sandbox.json`.
struct SandboxRecord: Codable, Sendable {
    enum Phase: String, Codable, Sendable {
        /// Being made: whoever finds this after a crash takes it back.
        case creating
        case ready
        /// Being removed: whoever finds this after a crash goes on with it.
        case removing
    }

    var phase: Phase
    var configuration: SandboxConfiguration
    var createdAt: Int64
    var bootID: String
    var addresses: [String]
    /// The supervisor; a pid is kept with its start time (clock ticks since boot).
    var shimPID: Int32
    var shimStartTime: UInt64
    var cgroup: String
}

/// The facts about one attempt of a container: `container.json`, written before it is launched.
struct ContainerRecord: Codable, Sendable {
    var key: ContainerKey
    var status: ContainerStatus
    var cgroup: String
    /// The image's stop signal, or SIGTERM.
    var stopSignal: Int32
    var hasTerminationMessage: Bool
    /// Its writable layer and cgroup are gone.
    var isCleaned: Bool
    /// What the levels above had counted when it was started, or when its last kill was looked at.
    var oomCounts: OOMCounts?
    /// What is known of kills by the OOM killer that it has survived, and how many of them were told.
    var oom: OOMKill?
    var toldKills: Int?
}

/// Reads and writes facts. Every write is atomic: a reader after a crash finds the old or the new.
enum Facts {
    static func write(_ record: SandboxRecord, to path: String) throws {
        Failpoint.hit("record.sandbox.before")
        try write(encoding: record, to: path)
        Failpoint.hit("record.sandbox.after")
    }

    static func write(_ record: ContainerRecord, to path: String) throws {
        Failpoint.hit("record.container.before")
        try write(encoding: record, to: path)
        Failpoint.hit("record.container.after")
    }

    /// Not atomic: read only where the record that is written after it can be.
    static func write(_ process: ContainerProcess, to path: String) throws {
        let file = try FileAccess.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        try FileAccess.write(Array(try JSONEncoder().encode(process)), to: file, object: path)
    }

    private static func write(encoding record: some Encodable, to path: String) throws {
        try FileAccess.replace(path, with: Array(try JSONEncoder().encode(record)))
    }

    static func read<Record: Decodable>(_ type: Record.Type, from path: String) throws -> Record {
        try JSONDecoder().decode(type, from: Data(try FileAccess.read(path)))
    }
}
