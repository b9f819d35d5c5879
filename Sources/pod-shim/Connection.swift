import LinuxKernel

/// The agent's end of the line, with what could not be sent yet: a stuck agent must not stop the pod.
final class Connection {
    let socket: FileDescriptor
    var queue: [(bytes: [UInt8], descriptors: [FileDescriptor])] = []

    init(_ socket: FileDescriptor) { self.socket = socket }
}
