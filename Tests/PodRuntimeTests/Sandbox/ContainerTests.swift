import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

/// What a container sees and may do, by asking it.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct ContainerPrivilegedTests {
    @Test func containersOfAPodShareWhatAPodShares() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(
                node.container(
                    ["sh", "-c", "echo hello > /dev/shm/note; echo served | nc -l -p 8080; sleep 1000"], name: "first"),
                in: "a")
            _ = try await node.runtime.startContainer(
                node.container(
                    [
                        "sh", "-c",
                        "until cat /dev/shm/note 2>/dev/null; do sleep 0.02; done; until nc 127.0.0.1 8080 </dev/null; do sleep 0.02; done; hostname; ls /proc | grep -c '^[0-9]'",
                    ],
                    name: "second"), in: "a")
            let second = try await node.end(of: "second", in: "a")
            let lines = node.text(of: second).split(separator: "\n").map(String.init)
            #expect(lines.contains("hello") && lines.contains("served") && lines.contains("host-a"), "\(lines)")
            // Its own PID namespace: the shell, ls and grep.
            #expect(Int(lines.last ?? "").map { $0 <= 3 } == true, "\(lines)")
        }
    }

    @Test func aSharedProcessNamespaceHasAPause() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a") { $0.shareProcessNamespace = true })
            _ = try await node.runtime.startContainer(
                node.container(["sh", "-c", "sleep 777 & exec sleep 888"], name: "first"), in: "a")
            _ = try await node.runtime.startContainer(
                node.container(
                    [
                        "sh", "-c",
                        "cat /proc/1/comm; until ps | grep -q '[s]leep 777'; do sleep 0.02; done; ps; ls /proc/1/root/ && echo op''en || echo clo''sed; kill -9 1; cat /proc/1/comm",
                    ],
                    name: "second"), in: "a")
            let second = try await node.end(of: "second", in: "a")
            let text = node.text(of: second)
            #expect(text.components(separatedBy: "pause").count > 3 && text.contains("sleep 888"), "\(text)")
            #expect(text.contains("\nclosed\n") && !text.contains("\nopen\n"), "\(text)")
            // The main process's end is the container's end, orphans included.
            try await node.runtime.signalContainer("first", in: "a", signal: "KILL")
            let first = try await node.end(of: "first", in: "a")
            #expect(first.exit?.signal == SIGKILL)
            try await eventually {
                !FileAccess.exists("\(node.runtime.host.cgroups.podPath(id: "a", qos: .bestEffort))/first-0")
            }
        }
    }

    @Test func usersAndGroupsComeFromTheImageAndThePod() async throws {
        try await TestNode.with(3) { node in
            let image = try await node.run(
                "id -u; id -g; id -G; echo $HOME; cat /etc/layer; echo; touch /x 2>/dev/null || echo denied; grep Cap /proc/self/status"
            ) {
                $0.image = "layered"
            }
            #expect(image.output.hasPrefix("1000\n1001\n1001 2000\n/home/web\nupper layer"), "\(image.output)")
            #expect(image.output.contains("denied") && image.output.contains("CapEff:\t0000000000000000"))
            let pod = try await node.run("id -u; id -g; id -G") {
                $0.user = ContainerUser(uid: 4000, supplementalGroups: [7, 8])
            }
            #expect(pod.output == "4000\n0\n0 7 8", "\(pod.output)")
            let error = await #expect(throws: RuntimeError.self) {
                try await node.run("id") { $0.user.mustNotBeRoot = true }
            }
            #expect(error?.kind == .configuration && error?.message.contains("runAsNonRoot") == true)
        }
    }

    @Test func securityOptionsHold() async throws {
        try await TestNode.with(3) { node in
            let plain = try await node.run(
                "touch /x && echo writable; mount -t tmpfs none /tmp || echo 'no mount'; ip link set lo down || echo 'no net admin'"
            )
            #expect(
                plain.output.contains("writable") && plain.output.contains("no mount")
                    && plain.output.contains("no net admin"), "\(plain.output)")
            let sealed = try await node.run(
                "touch /x || echo read-only; touch /dev/shm/x && echo shm; grep NoNewPrivs /proc/self/status"
            ) {
                $0.security.readOnlyRootFilesystem = true
                $0.security.noNewPrivileges = true
            }
            #expect(
                sealed.output.contains("read-only") && sealed.output.contains("shm")
                    && sealed.output.contains("NoNewPrivs:\t1"), "\(sealed.output)")
            let added = try await node.run(
                "ip link set lo down && echo done; mount -t tmpfs none /tmp || echo 'no mount'"
            ) {
                $0.security.addCapabilities = ["NET_ADMIN"]
            }
            #expect(added.output.contains("done") && added.output.contains("no mount"), "\(added.output)")
            let privileged = try await node.run(
                "mount -t tmpfs none /tmp && echo mounted; echo 1 > /proc/sys/net/ipv4/ip_forward && echo sysctl; ls /dev | grep -c .; grep Seccomp: /proc/self/status"
            ) {
                $0.security.privileged = true
            }
            #expect(
                privileged.output.contains("mounted") && privileged.output.contains("sysctl")
                    && privileged.output.contains("Seccomp:\t0"), "\(privileged.output)")
            let dropped = try await node.run("grep CapBnd /proc/self/status") { $0.security.dropCapabilities = ["ALL"] }
            #expect(dropped.output == "CapBnd:\t0000000000000000", "\(dropped.output)")
        }
    }

    @Test func volumesAreMountedAndStayInside() async throws {
        try await TestNode.with(3) { node in
            let volume = node.directory + "/volume"
            try FileAccess.makeDirectories(volume + "/inner")
            try "content".write(toFile: volume + "/file", atomically: false, encoding: .utf8)
            try FileManager.default.createSymbolicLink(atPath: volume + "/escape", withDestinationPath: "/etc")
            try FileManager.default.createSymbolicLink(atPath: volume + "/up", withDestinationPath: "../..")
            func mount(_ subPath: String?, _ target: String, readOnly: Bool = false) -> ContainerMount {
                ContainerMount(source: .host(path: volume, subPath: subPath), target: target, readOnly: readOnly)
            }
            let (output, exit) = try await node.run(
                "cat /vol/file; echo made > /vol/new && cat /ro/new; touch /ro/x || echo refused; cat /etc/one; ls -d /sub/deep; echo over > /dev/shm/over"
            ) {
                $0.mounts = [
                    mount("fresh/deep", "/sub/deep"), mount(nil, "/vol"), mount(nil, "/ro", readOnly: true),
                    mount("file", "/etc/one"), mount("inner", "/dev/shm"),
                ]
            }
            #expect(
                exit.code == 0
                    && output == "contentmade\ntouch: /ro/x: Read-only file system\nrefused\ncontent/sub/deep"
                    || output.contains("refused") && output.contains("made") && output.contains("/sub/deep"),
                "\(output)")
            #expect(FileAccess.exists(volume + "/fresh/deep") && FileAccess.exists(volume + "/inner/over"))
            for subPath in ["escape", "up", "../..", "/etc"] {
                let error = await #expect(throws: RuntimeError.self) {
                    try await node.run("true") { $0.mounts = [mount(subPath, "/out")] }
                }
                #expect(
                    error?.kind == .create && error?.message.contains("leads out of the volume") == true,
                    "\(subPath): \(String(describing: error))")
            }
            for target in ["/", "/proc/sys", "relative", "/a/../proc"] {
                await #expect(throws: RuntimeError.self) {
                    try await node.run("true") { $0.mounts = [mount(nil, target)] }
                }
            }
            let missing = await #expect(throws: RuntimeError.self) {
                try await node.run("true") {
                    $0.mounts = [ContainerMount(source: .host(path: volume + "/nothere", subPath: nil), target: "/x")]
                }
            }
            #expect(missing?.message.contains("/nothere") == true && missing?.errno == ENOENT)
        }
    }

    @Test func aHostileImageCannotLeadMountsOut() async throws {
        try await TestNode.with(3) { node in
            // /proc and a volume's target are links out of the root.
            let victim = node.directory + "/victim"
            try FileAccess.makeDirectories(victim)
            let base = node.directory + "/image/base"
            try FileManager.default.createSymbolicLink(
                atPath: base + "/out", withDestinationPath: "../../../../../../.." + victim)
            try FileManager.default.createSymbolicLink(atPath: base + "/dev", withDestinationPath: victim)
            let (output, _) = try await node.run("ls /dev/null; ls -d \(victim)/null /out/deep/base") {
                $0.mounts = [
                    ContainerMount(source: .host(path: node.directory + "/image", subPath: nil), target: "/out/deep")
                ]
            }
            #expect(
                output.contains("/dev/null") && output.contains("\(victim)/null") && output.contains("/out/deep/base"),
                "\(output)")
            #expect(try FileAccess.list(victim).isEmpty)
        }
    }

    @Test func hostNamespacesAreTheHosts() async throws {
        try await TestNode.with(3) { node in
            let host = node.sandbox("a") {
                $0.hostNetwork = true; $0.hostPID = true; $0.hostIPC = true
            }
            let (output, _) = try await node.run(
                "for n in net ipc pid uts; do readlink /proc/self/ns/$n; done", sandbox: host)
            let expected = try ["net", "ipc", "pid", "uts"].map { try FileAccess.linkTarget("/proc/self/ns/\($0)") }
            #expect(output == expected.joined(separator: "\n"))
        }
    }

    @Test func sysctlsAreThePodsOwn() async throws {
        try await TestNode.with(3) { node in
            let before = try FileAccess.readText("/proc/sys/net/ipv4/ip_unprivileged_port_start")
            let (output, _) = try await node.run(
                "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start",
                sandbox: node.sandbox("a") {
                    $0.sysctls = ["net.core.somaxconn": "321", "kernel.shm_rmid_forced": "1"]
                })
            #expect(output == "321\n1\n0")
            #expect(try FileAccess.readText("/proc/sys/net/ipv4/ip_unprivileged_port_start") == before)
            for name in ["kernel.hostname", "vm.swappiness", "net/../kernel/panic", "kernel.msgmax/../panic"] {
                let error = await #expect(throws: RuntimeError.self) {
                    try await node.runtime.startSandbox(node.sandbox("b") { $0.sysctls = [name: "1"] })
                }
                #expect(error?.kind == .configuration, "\(name)")
            }
            let bad = await #expect(throws: RuntimeError.self) {
                try await node.runtime.startSandbox(node.sandbox("b") { $0.sysctls = ["net.core.somaxconn": "many"] })
            }
            #expect(bad?.message.contains("/proc/sys/net/core/somaxconn") == true)
            #expect(await node.runtime.status(of: "b") == nil)
            #expect(!FileAccess.exists(node.configuration.runDirectory + "/pods/b"))
        }
    }

    @Test func startFailuresNameTheStepAndLeaveNothing() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            let image = await #expect(throws: RuntimeError.self) {
                try await node.runtime.startContainer(node.container(["true"]) { $0.image = "nothere:1" }, in: "a")
            }
            #expect(image?.kind == .imageNotFound && image?.message.contains("nothere:1") == true)
            let directory = await #expect(throws: RuntimeError.self) {
                try await node.runtime.startContainer(
                    node.container(["true"]) { $0.workingDirectory = "/bin/busybox" }, in: "a")
            }
            #expect(
                directory?.step == "chdir" && directory?.object == "/bin/busybox" && directory?.errno == ENOTDIR,
                "\(String(describing: directory))")
            let twice = await #expect(throws: RuntimeError.self) {
                try await node.runtime.startSandbox(node.sandbox("a"))
            }
            #expect(twice?.kind == .alreadyExists)
            let none = await #expect(throws: RuntimeError.self) {
                try await node.runtime.startContainer(
                    node.container([]) {
                        $0.image = "busybox"; $0.args = []
                    }, in: "a")
            }
            #expect(none?.message.contains("no command") == true)
            #expect(try FileAccess.list(node.configuration.dataDirectory + "/sandboxes/a/containers").isEmpty)
            // The sandbox is as good as before.
            _ = try await node.runtime.startContainer(
                node.container(["true"]) { $0.workingDirectory = "/made/for/it" }, in: "a")
            #expect(try await node.end(of: "main", in: "a").exit?.code == 0)
        }
    }

    @Test func logsAreSplitAndRotated() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(
                node.container(["sh", "-c", "seq 1 4000"]) {
                    $0.logMaxBytes = 60_000
                    $0.logMaxFiles = 2
                }, in: "a")
            let ended = try await node.end(of: "main", in: "a")
            let directory = FileAccess.split(ended.logPath).directory
            let files = try FileAccess.list(directory)
            #expect(files.count == 2 && files[0] == "0.log" && files[1].hasPrefix("0.log.2"), "\(files)")
            let last = try FileAccess.readText(ended.logPath)
            #expect(last.hasSuffix("stdout F 4000"))
            let whole = try FileAccess.readText("\(directory)/\(files[1])") + "\n" + last
            let numbers = whole.split(separator: "\n").compactMap { line in
                line.split(separator: " ").last.flatMap { Int($0) }
            }
            // No line is lost between the files that are kept.
            #expect(numbers.suffix(500) == Array(3501...4000)[...], "\(numbers.count)")
            #expect(try FileAccess.status(ended.logPath).st_size <= 60_000)
        }
    }

    @Test func longLinesAreMarkedAsParts() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            _ = try await node.runtime.startContainer(
                node.container([
                    "sh", "-c", "i=0; while [ $i -lt 4000 ]; do printf 0123456789; i=$((i+1)); done; echo; echo short",
                ]), in: "a")
            let ended = try await node.end(of: "main", in: "a")
            let lines = try FileAccess.readText(ended.logPath).split(separator: "\n").map {
                $0.split(separator: " ", maxSplits: 3)
            }
            #expect(lines.map { String($0[2]) } == ["P", "P", "F", "F"])
            #expect(lines.map { $0[3].utf8.count } == [16384, 16384, 40000 - 32768, 5])
        }
    }

    @Test func aRestartKeepsTheAttemptBefore() async throws {
        try await TestNode.with(3) { node in
            _ = try await node.runtime.startSandbox(node.sandbox("a"))
            for attempt in 0..<4 {
                _ = try await node.runtime.startContainer(
                    node.container(
                        ["sh", "-c", "echo \(attempt); ls /kept 2>/dev/null; touch /kept; exit \(attempt)"],
                        attempt: attempt), in: "a")
                let ended = try await node.end(of: "main", attempt: attempt, in: "a")
                // A fresh root each time.
                #expect(node.text(of: ended) == "\(attempt)" && ended.exit?.code == Int32(attempt))
            }
            let status = try #require(await node.runtime.status(of: "a"))
            #expect(status.containers.map(\.attempt) == [2, 3])
            #expect(try FileAccess.list(node.directory + "/logs/a/main") == ["2.log", "3.log"])
        }
    }

    @Test func manyPodsAtOnce() async throws {
        try await TestNode.with(3) { node in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<12 {
                    group.addTask {
                        let id = "many-\(index)"
                        let status = try await node.runtime.startSandbox(node.sandbox(id))
                        _ = try await node.runtime.startContainer(
                            node.container(["sh", "-c", "exit \(index)"]), in: id)
                        #expect(try await node.end(of: "main", in: id).exit?.code == Int32(index))
                        #expect(status.addresses.count == 1)
                        try await node.runtime.removeSandbox(id, removeLogs: true)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
