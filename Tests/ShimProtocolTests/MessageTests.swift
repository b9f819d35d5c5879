import Testing

@testable import ShimProtocol

@Suite struct MessageTests {
    static let record = ExitRecord(
        pid: 12, startedAt: 1_700_000_000_000_000_001, finishedAt: 1_700_000_000_000_000_002, code: 137, signal: 9,
        oomKilled: true)
    static let all: [Message] = [
        .hello(Hello(pid: 7)), .welcome(Hello(version: 9, features: .max, pid: 1)),
        .makeSandbox(
            SandboxRequest(
                kinds: 7, hostname: "höst", sysctls: [.init(path: "/a", value: ""), .init(path: "", value: "b")])),
        .launch(
            LaunchRequest(
                container: "web-0", recordPath: "/r", logPath: "", logMaxBytes: -1, logMaxFiles: 5, killsCgroup: true,
                providesProcessNamespace: false)),
        .signal(container: "web-0", signal: 15), .kill(container: "x"), .forget(container: ""), .list, .shutdown,
        .run(RunRequest(container: "web-0", deadlineMilliseconds: .max)), .cancel(run: 0xdead_beef),
        .ran(RunOutcome(code: 137, timedOut: true)), .ran(RunOutcome(code: -1, timedOut: false)),
        .sandboxReady(hasNetwork: true), .launched(pid: 3, startedAt: .min),
        .launchFailed(LaunchFailure(code: 0x10002, index: 40, kind: 30, wasKilled: false)),
        .containers([
            ContainerFacts(container: "a", pid: 1, startedAt: 2, exit: nil),
            ContainerFacts(container: "b", pid: 1, startedAt: 2, exit: record),
        ]), .done, .refused(errno: 2, reason: "no"),
        .exited(ContainerFacts(container: "b", pid: 1, startedAt: 2, exit: record)),
    ]

    @Test(arguments: all) func whatIsSaidIsUnderstood(message: Message) throws {
        let bytes = message.encoded(sequence: 0xdead_beef)
        let (sequence, decoded) = try Message.decode(bytes)
        #expect(sequence == 0xdead_beef && decoded == message)
    }

    @Test(arguments: all) func whatIsCutIsRefused(message: Message) {
        let bytes = message.encoded(sequence: 1)
        for length in 0..<bytes.count {
            #expect(throws: ProtocolError.self) { try Message.decode(Array(bytes[..<length])) }
        }
    }

    @Test func noiseIsRefusedOrUnderstoodButNeverFatal() async {
        var state: UInt64 = 42
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for round in 0..<5000 {
            var bytes = Self.all[round % Self.all.count].encoded(sequence: 5)
            for _ in 0...(next() % 4) { bytes[Int(next()) % bytes.count] = UInt8(truncatingIfNeeded: next()) }
            _ = try? Message.decode(bytes)
            await Task.yield()
        }
    }

    @Test func anUnknownMessageIsKnownByItsNumber() {
        var bytes = Message.list.encoded(sequence: 77)
        bytes[2] = 250
        #expect(throws: ProtocolError.unknownMessage(250)) { try Message.decode(bytes) }
        #expect(Message.sequence(of: bytes) == 77)
        #expect(Message.sequence(of: [1, 2, 3]) == nil)
    }

    @Test func exitRecordsAreReadBackOrRefused() {
        #expect(ExitRecord(text: Self.record.text) == Self.record)
        #expect(ExitRecord(text: Self.record.text + "later 1\n") == Self.record)
        for text in [
            "", "version 1\n", Self.record.text.replacing("version 1", with: "version 2"), "pid x\n" + Self.record.text,
            String(Self.record.text.dropLast(14)),
        ] { #expect(ExitRecord(text: text) == nil, "\(text)") }
    }
}
