import LinuxKernel

/// The agent's end of the line, with what could not be sent yet: a stuck agent must not stop the pod.
final class Connection {
    /// Tells one agent from the next.
    let generation: UInt32
    let socket: FileDescriptor
    var queue: [(bytes: [UInt8], descriptors: [FileDescriptor])] = []

    init(_ socket: FileDescriptor, generation: UInt32) {
        self.socket = socket
        self.generation = generation
    }
}

/// Who sent a request: its answer goes to that agent and to no other, whose numbers begin anew.
struct Asker: Hashable {
    let generation: UInt32
    let sequence: UInt32
}
