import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite struct ProtobufTests {
    /// A Deployment as Go writes it: envelope, required zeros, empty times, maps, int-or-strings, inlined messages.
    private var deployment: [UInt8] {
        var raw = ProtobufWriter()
        raw.message(1) { metadata in
            metadata.string(1, "web")
            metadata.string(2, "")
            metadata.integer(7, 0)
            metadata.message(8) { _ in }
            metadata.message(11) { entry in
                entry.string(1, "app")
                entry.string(2, "web")
            }
        }
        raw.message(2) { spec in
            spec.integer(1, 3)
            spec.message(3) { template in
                template.message(2) { pod in
                    pod.message(2) { container in
                        container.string(1, "c")
                        container.string(2, "nginx")
                        container.message(11) { probe in
                            probe.message(1) { handler in
                                handler.message(2) { get in
                                    get.message(2) { port in
                                        port.integer(1, 1)
                                        port.integer(2, 0)
                                        port.string(3, "http")
                                    }
                                }
                            }
                            probe.integer(4, 5)
                        }
                    }
                }
            }
            spec.integer(5, 0)
        }
        var envelope = ProtobufWriter()
        envelope.message(1) { type in
            type.string(1, "apps/v1")
            type.string(2, "Deployment")
        }
        envelope.bytes(2, raw.bytes)
        return [0x6B, 0x38, 0x73, 0x00] + envelope.bytes
    }

    @Test func anObjectIsReadByItsNumbers() throws {
        let json = try ProtobufDecoder.decode(deployment)
        let object = try Deployment(json: json)
        #expect(object.metadata.name == "web" && object.metadata.labels == ["app": "web"])
        #expect(object.metadata.creationTimestamp == nil)
        #expect(object.spec.replicas == 3)
        let probe = object.spec.template.spec.containers.first?.readinessProbe
        #expect(probe?.httpGet?.port == "http" && probe?.periodSeconds == 5)
    }

    @Test func noiseIsRefusedAndNeverFatal() async {
        var generator = SystemRandomNumberGenerator()
        for length in 0..<deployment.count {
            // Cut off anywhere, and with one bit turned.
            _ = try? ProtobufDecoder.decode(Array(deployment.prefix(length)))
            var flipped = deployment
            flipped[length] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            _ = try? ProtobufDecoder.decode(flipped)
            await Task.yield()
        }
        #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode([1, 2, 3]) }
        #expect(throws: ProtobufError.self) { try ProtobufDecoder.decode(Array(deployment.dropLast(1))) }
    }
}
