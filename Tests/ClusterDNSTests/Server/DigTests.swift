import Foundation
import Testing

@testable import ClusterDNS

/// The answers as BIND's `dig` reads them (package bind9-dnsutils).
@Suite(.timeLimit(.minutes(1))) struct Dig {
    private static let path = "/usr/bin/dig"

    /// - Returns: what it prints; nil where the machine does not have it.
    private func dig(_ server: TestServer, _ words: [String]) async throws -> String? {
        guard FileManager.default.isExecutableFile(atPath: Self.path) else {
            print("skipped: \(Self.path) is not there; scripts/install-packages test installs it")
            return nil
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = ["@127.0.0.1", "-p", "\(server.port)", "+tries=1", "+time=8"] + words
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        // Reads on a thread of its own: the pool's threads answer the query.
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                do {
                    try process.run()
                    let data = output.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(returning: String(decoding: data, as: UTF8.self))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    @Test(arguments: [
        (["+short", "web.default.svc.cluster.local"], ["10.96.0.20"]),
        (["+short", "+tcp", "web.default.svc.cluster.local", "AAAA"], ["fd00:10:96::20"]),
        (["+short", "-x", "10.244.0.6"], ["db-0.db.default.svc.cluster.local."]),
        (["+short", "_http._tcp.web.default.svc.cluster.local", "SRV"], ["0 100 80 web.default.svc.cluster.local."]),
        (["+short", "dns-version.cluster.local", "TXT"], ["\"1.1.0\""]),
        (["+short", "ext.default.svc.cluster.local"], ["www.example.org.", "192.0.2.1"]),
        (["+short", "www.example.org"], ["192.0.2.1"]),
        (["+short", "cluster.local", "NS"], ["ns.dns.cluster.local."]),
    ])
    func `answers`(words: [String], lines: [String]) async throws {
        try await TestServer.run(upstreams: [{ query, _ in [query.answered("192.0.2.1")] }]) {
            (server, _) async throws in
            guard let output = try await dig(server, words) else { return }
            #expect(output.split(separator: "\n").map(String.init) == lines)
        }
    }

    @Test(arguments: [
        (
            ["none.default.svc.cluster.local"],
            ["status: NXDOMAIN", "cluster.local.\t\t5\tIN\tSOA\tns.dns.cluster.local."]
        ),
        (["default.svc.cluster.local"], ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1", "\tSOA\t"]),
        (["web.default.svc.cluster.local", "MX"], ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1"]),
        (["web.default.svc.cluster.local", "ANY", "+notcp"], ["status: REFUSED"]),
        (["-c", "CH", "version.bind", "TXT"], ["status: REFUSED"]),
        (["web.default.svc.cluster.local", "+edns=7", "+noednsnegotiation"], ["status: BADVERS", "EDNS: version: 0"]),
        (["web.default.svc.cluster.local", "+opcode=UPDATE"], ["opcode: UPDATE, status: NOTIMP"]),
        (
            ["web.default.svc.cluster.local", "+dnssec", "+cookie=0102030405060708"],
            ["flags: do;", "udp: 1232", "ANSWER: 1"]
        ),
        (["_sql._tcp.db.default.svc.cluster.local", "SRV"], ["ANSWER: 2", "ADDITIONAL: 4"]),
        (["web.default.svc.cluster.local", "+noedns"], ["flags: qr aa rd ra;", "ADDITIONAL: 0"]),
    ])
    func `what it says of an answer`(words: [String], parts: [String]) async throws {
        try await TestServer.run { (server, _) async throws in
            guard let output = try await dig(server, words) else { return }
            for part in parts { #expect(output.contains(part), "\(output)") }
            for complaint in ["malformed", "bad packet", "mismatch", "extra bytes"] {
                #expect(!output.contains(complaint), "\(output)")
            }
        }
    }
}
