import Foundation
import Testing

@testable import PodRuntime

@Suite struct LogLineTests {
    func parse(_ text: String) -> LogLine? { LogLine(Array(text.utf8)[...]) }

    @Test func aLineIsTakenApart() throws {
        let line = try #require(parse("2026-11-21T02:50:07.123456789Z stderr P a b"))
        #expect(line.time == 1_795_229_407_123_456_789)
        #expect(line.isError && line.isPartial)
        #expect(String(decoding: line.text, as: UTF8.self) == "a b")
        #expect(parse("1970-01-01T00:00:00Z stdout F")?.text.isEmpty == true)
        #expect(parse("1970-01-01T00:00:00Z stdout F ")?.text.isEmpty == true)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00.5Z", 951_825_600_500_000_000),
        ("2026-03-01T01:00:00+01:00", 1_772_323_200_000_000_000),
        ("1999-12-31T23:59:59.000000001Z", 946_684_799_000_000_001),
    ])
    func timesAreNanoseconds(text: String, expected: Int64) { #expect(LogLine.time(Array(text.utf8)[...]) == expected) }

    @Test(arguments: [
        "", "x", "2026-11-21T02:50:07Z", "2026-11-21T02:50:07Z stdin F x", "2026-11-21 stdout F x",
        "2026-11-21T02:50:07Z stdout X x",
    ])
    func whatIsNoLogLineIsLeftOut(text: String) { #expect(parse(text) == nil) }
}

@Suite struct LogReaderTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run
    var path: String { directory.path + "/0.log" }

    func line(_ second: Int, _ text: String, tag: String = "F", stream: String = "stdout") -> String {
        "2026-01-01T00:00:\(second < 10 ? "0" : "")\(second).000000000Z \(stream) \(tag) \(text)\n"
    }

    func read(_ options: LogOptions = LogOptions()) async throws -> String {
        var bytes: [UInt8] = []
        for try await piece in try LogReader().read(path: path, options: options) { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    func append(_ text: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    @Test func theTextIsShownAndPartsAreJoined() async throws {
        try directory.write(
            "0.log",
            line(1, "a") + line(2, "long ", tag: "P") + line(2, "line") + "garbage\n" + line(3, "e", stream: "stderr"))
        #expect(try await read() == "a\nlong line\ne\n")
    }

    @Test func timesStandBeforeWholeLines() async throws {
        try directory.write("0.log", line(1, "a") + line(2, "x ", tag: "P") + line(2, "y"))
        #expect(
            try await read(LogOptions(timestamps: true))
                == "2026-01-01T00:00:01.000000000Z a\n2026-01-01T00:00:02.000000000Z x y\n")
    }

    @Test(arguments: [(0, ""), (1, "d\n"), (2, "b c\nd\n"), (3, "a\nb c\nd\n"), (9, "a\nb c\nd\n")])
    func theTailCountsWholeLines(count: Int, expected: String) async throws {
        try directory.write("0.log", line(1, "a") + line(2, "b ", tag: "P") + line(2, "c") + line(3, "d"))
        #expect(try await read(LogOptions(tailLines: count)) == expected)
    }

    @Test func theTailGoesBackOverRotations() async throws {
        try directory.write("0.log.20260101-000000.000000001", line(1, "1") + line(2, "2"))
        try directory.write("0.log.20260101-000001.000000001", line(3, "3"))
        try directory.write("0.log", line(4, "4"))
        #expect(try await read() == "1\n2\n3\n4\n")
        #expect(try await read(LogOptions(tailLines: 3)) == "2\n3\n4\n")
        #expect(try await read(LogOptions(tailLines: 1)) == "4\n")
        #expect(try await read(LogOptions(tailLines: 0)) == "")
    }

    @Test func aLargeLogIsReadWholeAndFromItsEnd() async throws {
        var text = ""
        for index in 0..<20_000 {
            text += line(index % 60, "line \(index) " + String(repeating: "x", count: index % 97))
        }
        try directory.write("0.log", text)
        let all = try await read().split(separator: "\n")
        #expect(all.count == 20_000)
        #expect(all.last?.hasPrefix("line 19999 ") == true)
        let tail = try await read(LogOptions(tailLines: 5000)).split(separator: "\n")
        #expect(tail.count == 5000 && tail.first?.hasPrefix("line 15000 ") == true)
    }

    @Test func sinceAndTheLimitCut() async throws {
        try directory.write("0.log", line(1, "a") + line(2, "b") + line(3, "c"))
        let since = try #require(LogLine.time(Array("2026-01-01T00:00:02Z".utf8)[...]))
        #expect(try await read(LogOptions(since: since)) == "b\nc\n")
        #expect(try await read(LogOptions(limitBytes: 3)) == "a\nb")
        #expect(try await read(LogOptions(limitBytes: 0)) == "")
    }

    @Test(arguments: [false, true]) func aMissingLogIsAnError(follow: Bool) async throws {
        let error = await #expect(throws: RuntimeError.self) { try await read(LogOptions(follow: follow)) }
        #expect(error?.kind == .notFound)
    }

    @Test func followingGoesOnAcrossRotationsUntilTheEnd() async throws {
        try directory.write("0.log", line(1, "a"))
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let stream = try LogReader().read(path: path, options: LogOptions(follow: true)) { for await _ in ended {} }
        var iterator = stream.makeAsyncIterator()
        func next() async throws -> String? { try await iterator.next().map { String(decoding: $0, as: UTF8.self) } }
        #expect(try await next() == "a\n")
        try append(line(2, "b"))
        #expect(try await next() == "b\n")
        // As the shim does it: rename, then a new file.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".20260101-000000.000000001")
        try directory.write("0.log", line(3, "c"))
        #expect(try await next() == "c\n")
        // Half a line is not shown before its end.
        try append("2026-01-01T00:00:04.000000000Z stdout F ha")
        try append("lf\n")
        #expect(try await next() == "half\n")
        // What is written before the end is still read.
        try append(line(5, "last"))
        end.finish()
        #expect(try await next() == "last\n")
        #expect(try await next() == nil)
    }

    @Test func aFollowerThatGoesAwayEnds() async throws {
        try directory.write("0.log", line(1, "a"))
        let reader = try LogReader()
        let path = path
        let (first, announce) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            var pieces = 0
            for try await _ in reader.read(
                path: path, options: LogOptions(follow: true), until: { try? await Task.sleep(for: .seconds(1000)) })
            {
                pieces += 1
                announce.yield()
            }
            return pieces
        }
        for await _ in first { break }
        task.cancel()
        #expect(try await task.value == 1)
    }
}
