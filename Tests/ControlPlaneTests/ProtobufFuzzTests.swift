import Foundation
import Fuzzing
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Bodies that kubectl sent, and what a seed makes of them.
@Suite(.timeLimit(.minutes(5))) struct ProtobufFuzzTests {
    private static let rounds = ProcessInfo.processInfo.environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 10_000

    @Test func theCorpusIsUnderstood() throws {
        let known = try Corpus("protobuf").entries.compactMap { entry in
            (try? ProtobufDecoder.decode(entry.bytes))?["kind"]?.stringValue
        }
        #expect(
            Set(known).isSuperset(of: ["ConfigMap", "Deployment", "Namespace", "RoleBinding", "Secret", "Service"]))
    }

    /// Nothing traps or hangs, and what is understood is written and understood again.
    @Test func noiseIsRefusedOrComesBack() async throws {
        let tokens = ["k8s\0", "\u{0A}\u{00}", "\u{12}\u{7F}", "\u{0A}\u{02}v1", "\u{1A}\u{00}", "\u{08}\u{01}"]
        var mutator = Mutator(try Corpus("protobuf"), tokens: tokens, seed: 201)
        var understood = 0
        for _ in 0..<Self.rounds {
            // Other tests' deadlines go on meanwhile.
            await Task.yield()
            let bytes = mutator.next()
            guard let object = try? ProtobufDecoder.decode(bytes) else { continue }
            understood += 1
            _ = try JSONParser.parse(object.bytes)
            #expect(try ProtobufDecoder.decode(try ProtobufEncoder.encode(object)) == object, "\(bytes)")
        }
        // The noise is not so loud that nothing gets through.
        #expect(understood > Self.rounds / 50)
    }

    private func envelope(_ kind: String, _ write: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        write(&writer)
        return ProtobufEnvelope.wrap(writer.bytes, of: GroupVersionKind(group: "", version: "v1", kind: kind))
    }

    @Test(.timeLimit(.minutes(1))) func lengthsDepthsAndNumbersAreBounded() throws {
        let magic = Array("k8s\0".utf8)
        // Lengths beyond the end, of ten bytes, and beyond what a number holds.
        for length: [UInt8] in [
            [0x7F], [0xFF, 0xFF, 0xFF, 0xFF, 0x07], Array(repeating: 0xFF, count: 9) + [0x01],
            Array(repeating: 0xFF, count: 20),
        ] {
            #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode(magic + [0x12] + length + [0]) }
        }
        // Field number 0, groups, and numbers beyond 2^29.
        for tag: [UInt8] in [[0x02], [0x0B], [0x0C], [0x0F], [0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]] {
            #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode(magic + tag + [0]) }
        }
        // A million items, each of two bytes: no more than a moment.
        let many = envelope("Pod") { pod in pod.message(2) { spec in for _ in 0..<1_000_000 { spec.bytes(2, []) } } }
        let pod = try ProtobufDecoder.decode(many)
        #expect(pod["spec"]?["containers"]?.arrayValue?.count == 1_000_000)
        let labels = envelope("ConfigMap") { map in
            for index in 0..<100_000 { map.message(2) { $0.string(1, "k\(index)") } }
        }
        #expect(try ProtobufDecoder.decode(labels)["data"]?.objectValue?.count == 100_000)
        // Times that have no text, text that is none, another content encoding.
        for seconds in [Int64.min, .max, 253_402_300_800, -62_135_596_801] {
            let time = envelope("Pod") { pod in pod.message(1) { $0.message(8) { $0.integer(1, seconds) } } }
            #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode(time) }
        }
        let name = envelope("Pod") { pod in pod.message(1) { $0.bytes(1, [0xFF, 0xFE]) } }
        #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode(name) }
        #expect(throws: ProtobufError.self) {
            try ProtobufDecoder.decode(envelope("Pod") { _ in }.dropLast(4) + [0x1A, 4] + Array("gzip".utf8))
        }
    }
}
