import Foundation
import KubernetesAPI
import LinuxKernel

/// Starts the agent in the background, and waits until it serves.
struct DetachedStart {
    let options: NodeOptions
    /// How long the node may take until it answers.
    let patience: Duration

    func run() async throws {
        let layout = options.layout
        if let holder = AgentLock.holder(layout) {
            Console.line("The node is up already (process \(holder)).")
            return
        }
        let log = try openLog(layout)
        let null = try FileDescriptor.open("/dev/null", O_RDONLY)
        let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        let (pid, process) = try LinuxKernel.Process.spawn(
            executable: try FileDescriptor.open("/proc/self/exe", O_RDONLY),
            arguments: ["minikube-lite", "up"] + options.words, environment: environment,
            descriptors: [null, log, log], cgroup: nil)
        let end = ContinuousClock.now + patience
        while true {
            if let exit = try LinuxKernel.Process.wait(process, blocking: false) {
                throw CommandFailure(
                    "error: the node ended with code \(exit.code) while it started; its last words:\n"
                        + tail(of: layout.agentLog))
            }
            if await isReady(layout) { break }
            guard ContinuousClock.now < end else {
                throw CommandFailure(
                    "error: the node (process \(pid)) does not answer at \(options.server)/readyz after "
                        + "\(patience); its last words:\n" + tail(of: layout.agentLog), code: .deadline)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        Console.line("The node is up (process \(pid)), the API is at \(options.server).")
        Console.line("export KUBECONFIG=\(layout.adminKubeconfig)")
        Console.line("Log: \(layout.agentLog)")
    }

    private func openLog(_ layout: NodeLayout) throws -> FileDescriptor {
        try FileAccess.makeDirectories(FileAccess.parent(of: layout.agentLog))
        return try FileDescriptor.open(layout.agentLog, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
    }

    /// Whether this instance says that it is ready. A slow machine needs seconds for the first handshake; another server at that port has no certificate of its authority.
    private func isReady(_ layout: NodeLayout) async -> Bool {
        guard let context = try? Kubeconfig.load(path: layout.adminKubeconfig),
            let transport = try? HTTPSTransport(cluster: context, deadline: .seconds(15))
        else { return false }
        let answer = try? await transport.get("/readyz")
        // Nothing is lost where a connection that has been used once cannot be closed in good order.
        try? await transport.shutdown()
        return answer != nil
    }

    private func tail(of path: String) -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { return "  (\(path) cannot be read)" }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size > 16384 ? size - 16384 : 0)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        let lines = text.split(separator: "\n").suffix(20)
        return lines.isEmpty ? "  (\(path) is empty)" : lines.map { "  \($0)" }.joined(separator: "\n")
    }
}
