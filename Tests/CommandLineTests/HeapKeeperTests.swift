import LinuxKernel
import Testing

@testable import minikube_lite

@Suite struct HeapKeeperTests {
    @Test(arguments: [
        (inUse: 30, free: 8, expected: false), (30, 9, true), (400, 9, false), (400, 100, false), (400, 101, true),
    ]) func muchThatIsFreeIsGivenBack(inUse: Int, free: Int, expected: Bool) {
        #expect(HeapKeeper.isWorthIt(.init(inUse: inUse << 20, free: free << 20)) == expected)
    }
}
