// pod-shim: started by the node agent from a sealed memory file, once per pod.
//
// Descriptors: 0 and 1 are /dev/null, 2 is the pod's shim.log, 3 is the agent's connection, 4 the listening socket
// for agents to come.
import Glibc
import LinuxKernel

Process.setName("pod-shim")
do throws(SystemError) {
    try Supervisor(connection: FileDescriptor(owning: 3), listener: FileDescriptor(owning: 4)).run()
} catch {
    let line = "pod-shim: \(error)\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
    exit(1)
}
