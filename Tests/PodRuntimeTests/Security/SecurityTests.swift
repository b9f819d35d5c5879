import Foundation
import Testing

@testable import PodRuntime

@Suite struct CapabilitiesTests {
    @Test func theDefaultIsFourteen() throws {
        let mask = try Capabilities.mask(add: [], drop: [], privileged: false)
        #expect(mask == 0xa804_25fb)
        #expect(Set(Capabilities.names(mask)) == Set(Capabilities.runtimeDefault))
    }

    @Test func namesAreTakenWithAndWithoutPrefix() throws {
        let plain = try Capabilities.mask(add: ["NET_ADMIN"], drop: ["ALL"], privileged: false)
        #expect(plain == 1 << 12)
        #expect(try Capabilities.mask(add: ["cap_net_admin"], drop: ["all"], privileged: false) == plain)
        #expect(Capabilities.contains(plain, "CAP_NET_ADMIN"))
    }

    @Test func droppingWinsOverAddingOneButNotOverDroppingAll() throws {
        let both = try Capabilities.mask(add: ["CHOWN"], drop: ["CHOWN"], privileged: false)
        #expect(!Capabilities.contains(both, "CAP_CHOWN"))
        #expect(try Capabilities.mask(add: ["CHOWN"], drop: ["ALL"], privileged: false) == 1)
    }

    @Test func allMeansAll() throws {
        #expect(try Capabilities.mask(add: ["ALL"], drop: [], privileged: false) == Capabilities.all)
        #expect(try Capabilities.mask(add: [], drop: ["ALL"], privileged: true) == Capabilities.all)
        let without = try Capabilities.mask(add: ["ALL"], drop: ["SYS_ADMIN"], privileged: false)
        #expect(without == Capabilities.all & ~(1 << 21))
    }

    @Test func aNameThatIsNoneIsAnError() {
        let error = #expect(throws: RuntimeError.self) {
            try Capabilities.mask(add: ["NET_ADMINN"], drop: [], privileged: false)
        }
        #expect(error?.kind == .configuration)
        #expect(error?.message == "unknown capability \"NET_ADMINN\"")
    }
}

/// The filter's program is run here, in a small interpreter of classic BPF: no process has to be given away.
@Suite struct SeccompProfileTests {
    static let allow: UInt32 = 0x7fff_0000
    static let permission: UInt32 = 0x0005_0001
    static let notImplemented: UInt32 = 0x0005_0026
    #if arch(x86_64)
        static let architecture: UInt32 = 0xc000_003e
    #else
        static let architecture: UInt32 = 0xc000_00b7
    #endif

    func answer(
        _ number: Int, _ arguments: [UInt64] = [], capabilities: UInt64 = 0xa804_25fb,
        architecture: UInt32 = Self.architecture
    ) throws -> UInt32 {
        let program = try SeccompProfile.runtimeDefault(capabilities: capabilities)
        var data: [UInt8] = []
        withUnsafeBytes(of: UInt32(number)) { data.append(contentsOf: $0) }
        withUnsafeBytes(of: architecture) { data.append(contentsOf: $0) }
        data.append(contentsOf: [UInt8](repeating: 0, count: 8))
        for index in 0..<6 {
            withUnsafeBytes(of: index < arguments.count ? arguments[index] : 0) { data.append(contentsOf: $0) }
        }
        func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        }
        var accumulator: UInt32 = 0
        var pc = 0
        while pc * 8 < program.count {
            let code = program.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: pc * 8, as: UInt16.self) }
            let (yes, no, k) = (Int(program[pc * 8 + 2]), Int(program[pc * 8 + 3]), word(program, pc * 8 + 4))
            pc += 1
            switch code {
            case 0x20: accumulator = word(data, Int(k))
            case 0x54: accumulator &= k
            case 0x05: pc += Int(k)
            case 0x15: pc += accumulator == k ? yes : no
            case 0x25: pc += accumulator > k ? yes : no
            case 0x35: pc += accumulator >= k ? yes : no
            case 0x45: pc += accumulator & k != 0 ? yes : no
            case 0x06: return k
            default:
                Issue.record("instruction \(code)")
                return 0
            }
        }
        Issue.record("the program has no end")
        return 0
    }

    #if arch(x86_64)
        @Test(arguments: [0, 1, 59, 202, 257, 332, 424, 439])
        func everydayCallsAreAllowed(number: Int) throws { #expect(try answer(number) == Self.allow) }

        // mount, umount2, reboot, init_module, unshare, setns, bpf, keyctl, kexec_load, open_by_handle_at, userfaultfd
        @Test(arguments: [165, 166, 169, 175, 272, 308, 321, 250, 246, 304, 323])
        func knownButForbiddenCallsAnswerEPERM(number: Int) throws { #expect(try answer(number) == Self.permission) }

        @Test(arguments: [451, 452, 460, 600, 0x4000_0000])
        func newerCallsAnswerENOSYS(number: Int) throws { #expect(try answer(number) == Self.notImplemented) }

        @Test func clone3AnswersENOSYS() throws { #expect(try answer(435) == Self.notImplemented) }

        @Test func cloneIsAllowedWithoutNamespacesOnly() throws {
            #expect(try answer(56, [0x0100_0011]) == Self.allow)
            for flag: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
                #expect(try answer(56, [flag | 0x11]) == Self.permission)
            }
        }

        @Test func capabilitiesBringTheirCalls() throws {
            let admin: UInt64 = 1 << 21
            #expect(try answer(165, capabilities: admin) == Self.allow)
            #expect(try answer(435, capabilities: admin) == Self.allow)
            #expect(try answer(56, [0x2000_0011], capabilities: admin) == Self.allow)
            #expect(try answer(161, capabilities: 0xa804_25fb) == Self.allow)
            #expect(try answer(161, capabilities: 0) == Self.permission)
        }

        @Test func argumentsAreLookedAt() throws {
            #expect(try answer(135, [0xffff_ffff]) == Self.allow)
            #expect(try answer(135, [0x0040_0000]) == Self.permission)
            #expect(try answer(41, [2]) == Self.allow)
            #expect(try answer(41, [40]) == Self.permission)
        }

        @Test func the32BitSiblingIsFilteredAndOthersAreNotServed() throws {
            #expect(try answer(4, architecture: 0x4000_0003) == Self.allow)
            #expect(try answer(21, architecture: 0x4000_0003) == Self.permission)
            #expect(try answer(4, architecture: 0x1234_5678) == Self.notImplemented)
        }
    #endif

    @Test func anIrrelevantCapabilityDoesNotBuildAnother() throws {
        let first = try SeccompProfile.runtimeDefault(capabilities: 0)
        #expect(try SeccompProfile.runtimeDefault(capabilities: 1) == first)
        #expect(first.count % 8 == 0 && first.count <= 4096 * 8)
    }
}
