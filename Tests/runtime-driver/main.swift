// An agent without a node: drives PodRuntime from the command line, so that tests can kill it at any point.
//
//   runtime-driver DIRECTORY NUMBER cycle ROUNDS     recovers, then ROUNDS times: starts a sandbox with two containers,
//                                                    restarts one, stops the other, removes the sandbox
//   runtime-driver DIRECTORY NUMBER up ID COUNT      starts a sandbox with COUNT containers that run on, and leaves
//   runtime-driver DIRECTORY NUMBER recover          recovers and prints each container as JSON
//   runtime-driver DIRECTORY NUMBER down             recovers, removes everything and takes the network down
//   runtime-driver DIRECTORY NUMBER measure ROUNDS   times of a start, in microseconds
//
// DIRECTORY/image is the root file system of the one image.
import Foundation
import InternetAddress
import LinuxKernel
import Logging
import PodRuntime

struct OneImage: LayerProvider {
    let directory: String
    let info = ImageInfo(
        references: ["busybox"], id: "sha256:busybox", digest: "sha256:busybox", size: 0, created: 0,
        configuration: ImageConfiguration(cmd: ["sh"], env: ["PATH=/bin"]))

    func resolve(_ reference: String) async throws -> ImageInfo? { reference == "busybox" ? info : nil }
    func list() async throws -> [ImageInfo] { [info] }
    var location: String { directory }
    func layers(of image: ImageInfo) throws -> [String] { [directory] }
}

let arguments = CommandLine.arguments
guard arguments.count >= 4, let number = Int(arguments[2]) else {
    print("usage: runtime-driver DIRECTORY NUMBER cycle|up|recover|down|measure ...")
    exit(2)
}
let directory = arguments[1]
let binaries = FileAccess.split(try FileAccess.linkTarget("/proc/self/exe")).directory
guard let mount = try CgroupMount.find().unified else { throw SystemError(call: "cgroup2", errno: ENOENT) }
let configuration = RuntimeConfiguration(
    runDirectory: directory + "/run", dataDirectory: directory + "/data", cgroupParent: "\(mount)/mldrive\(number)",
    bridge: "mld\(number)",
    podCIDRs: [
        IPRange(IPAddress(.v4, UInt128(10 << 24 | (190 + number % 50) << 16 | number % 250 << 8)), prefixLength: 24)
    ],
    bestEffort: true,
    shimExecutable: binaries + "/pod-shim", unpackerExecutable: binaries + "/image-unpacker")
var logger = Logger(label: "driver")
logger.logLevel = .error
let runtime = try await PodRuntime(
    configuration: configuration, images: OneImage(directory: directory + "/image"), logger: logger)
let recovered = try await runtime.recover()

func sandbox(_ id: String) -> SandboxConfiguration {
    SandboxConfiguration(
        id: id, name: id, namespace: "test", hostname: id, qos: .burstable, logDirectory: directory + "/logs/" + id)
}

func container(_ name: String, _ attempt: Int, _ script: String) -> ContainerConfiguration {
    ContainerConfiguration(
        name: name, attempt: attempt, image: "busybox", command: ["sh", "-c", script],
        terminationMessagePath: "/dev/termination-log")
}

switch arguments[3] {
case "cycle":
    for status in recovered { try await runtime.removeSandbox(status.id, removeLogs: true) }
    for round in 0..<(Int(arguments[4]) ?? 1) {
        let id = "cycle-\(round)"
        _ = try await runtime.startSandbox(sandbox(id))
        _ = try await runtime.startContainer(container("one", 0, "exec sleep 1000"), in: id)
        _ = try await runtime.startContainer(container("two", 0, "exec sleep 1000"), in: id)
        try await runtime.stopContainer("one", in: id, signal: "SIGKILL", grace: .seconds(5))
        _ = try await runtime.startContainer(container("one", 1, "exec sleep 1000"), in: id)
        try await runtime.removeSandbox(id, removeLogs: true)
    }
case "up":
    let id = arguments[4]
    if !recovered.contains(where: { $0.id == id }) { _ = try await runtime.startSandbox(sandbox(id)) }
    for index in 0..<(Int(arguments[5]) ?? 1) {
        let known = await runtime.status(of: id)?.containers ?? []
        if known.contains(where: { $0.name == "c\(index)" }) { continue }
        // Each start of a process leaves a line: nothing may start twice.
        _ = try await runtime.startContainer(container("c\(index)", 0, "echo started; exec sleep 1000"), in: id)
    }
case "recover":
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    for status in recovered { print(String(decoding: try encoder.encode(status), as: UTF8.self)) }
case "down":
    for status in recovered { try await runtime.removeSandbox(status.id, removeLogs: true) }
    try await runtime.tearDown()
case "measure":
    var times: [(sandbox: Int64, container: Int64, remove: Int64)] = []
    for round in 0..<(Int(arguments[4]) ?? 20) {
        let id = "measure-\(round)"
        let begin = Monotonic.nanoseconds()
        _ = try await runtime.startSandbox(sandbox(id))
        let middle = Monotonic.nanoseconds()
        _ = try await runtime.startContainer(container("one", 0, "exec sleep 1000"), in: id)
        let end = Monotonic.nanoseconds()
        if round == 10 {
            for entry in StartTrace.load(runDirectory: configuration.runDirectory, sandbox: id) ?? [] {
                print((entry.time - begin) / 1000, entry.subject, entry.phase)
            }
        }
        let removal = Monotonic.nanoseconds()
        try await runtime.removeSandbox(id, removeLogs: true)
        times.append(((middle - begin) / 1000, (end - middle) / 1000, (Monotonic.nanoseconds() - removal) / 1000))
    }
    func median(_ values: [Int64]) -> Int64 { values.sorted()[values.count / 2] }
    print(
        "median sandbox \(median(times.map(\.sandbox))) us, container \(median(times.map(\.container))) us,",
        "removal \(median(times.map(\.remove))) us; together min \(times.map { $0.sandbox + $0.container }.min() ?? 0)")
    try await runtime.tearDown()
default:
    print("unknown command \(arguments[3])")
    exit(2)
}
