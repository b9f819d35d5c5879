import LinuxKernel
import Testing

@testable import ShimProtocol

/// Plans as Swift writes them, read by the C that walks them.
@Suite struct LaunchPlanTests {
    static let steps: [LaunchPlan.Step] = [
        .newSession, .newKeyring, .setPropagation(path: "/", flags: 1), .changeDirectory("/a"),
        .mount(source: "s", target: "t", type: "y", flags: 0, data: ""), .root("/r"),
        .makeDirectory(path: "/d", mode: 0o755),
        .mountFileSystem(type: "proc", target: "/proc", options: ["a=b", "c"], attributes: [.readOnly]),
        .attachMount(.attached(0), target: "/v", isFile: false),
        .bind(source: "/h", target: "/t", attributes: [], isFile: true), .makeSymbolicLink(path: "/l", text: "t"),
        .makeDevice(path: "/dev/null", mode: 0o20666, major: 1, minor: 3), .mask(path: "/m", emptyDirectory: "/e"),
        .makeReadOnly(path: "/p"), .sealRoot, .pivotRoot, .write(path: "/w", text: ""),
        .setLimit(resource: 7, soft: 1, hard: 2), .setUmask(0o22), .setStandardStream(.standardOutput, number: 1),
        .setWorkingDirectory("/"), .setGroups([]), .setGroups([1, 2, 3]), .setUser(uid: 1, gid: 2),
        .limitCapabilities(3),
        .setCapabilities(3), .setNoNewPrivileges, .setSeccompFilter([UInt8](repeating: 6, count: 16)),
        .closeDescriptors,
        .execute(arguments: ["sh", "-c", ""], environment: [], searchPath: "/bin"), .pause,
    ]

    func plan() -> LaunchPlan {
        var plan = LaunchPlan(newNamespaces: [.mount, .pid])
        plan.join(.joinNamespace(.networkNamespace, type: Namespaces.cloneNetwork))
        for step in Self.steps { plan.add(step) }
        return plan
    }

    @Test func theWalkerTakesEveryStep() throws {
        try Launch.check(plan().encoded(), descriptorCount: 9)
        // All kinds of the walker are said by some step.
        #expect(Set(Self.steps.map(\.kind)).union([1]) == Set(1...31))
    }

    @Test func aDescriptorThatDoesNotExistIsRefused() {
        // The attached mount is the ninth.
        #expect(throws: Launch.Refusal.malformed(9)) { try Launch.check(plan().encoded(), descriptorCount: 8) }
    }

    @Test func unknownStepsAndVersionsAreRefused() {
        var bytes = plan().encoded()
        bytes[LaunchPlan.headerSize + 3 * LaunchPlan.stepSize] = 32
        #expect(throws: Launch.Refusal.unknownStep(3)) { try Launch.check(bytes, descriptorCount: 9) }
        var newer = plan().encoded()
        newer[4] = 2
        #expect(throws: Launch.Refusal.unknownStep(0)) { try Launch.check(newer, descriptorCount: 9) }
    }

    @Test func whatPointsOutsideIsRefused() {
        let good = plan().encoded()
        for length in [0, 1, 31, 32, 100, good.count - 1] {
            #expect(throws: Launch.Refusal.self) { try Launch.check(Array(good[..<length]), descriptorCount: 9) }
        }
        // Each word of each step made enormous: refused, or it is a plain number that is nobody's offset.
        for offset in stride(
            from: LaunchPlan.headerSize, to: LaunchPlan.headerSize + plan().count * LaunchPlan.stepSize, by: 4)
        {
            var bytes = good
            for index in 0..<4 { bytes[offset + index] = 0xff }
            let field = (offset - LaunchPlan.headerSize) % LaunchPlan.stepSize
            if (32..<48).contains(field) {
                #expect(throws: Launch.Refusal.self) { try Launch.check(bytes, descriptorCount: 9) }
            } else {
                try? Launch.check(bytes, descriptorCount: 9)
            }
        }
    }

    @Test func indexesLeadBackToSteps() {
        let plan = plan()
        #expect(plan.step(at: 0)?.kind == 1 && plan.step(at: 1) == .newSession)
        #expect(plan.step(at: plan.count) == nil)
    }
}
