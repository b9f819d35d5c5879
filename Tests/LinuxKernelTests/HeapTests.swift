import Glibc
import Testing

@testable import LinuxKernel

@Suite struct HeapTests {
    private func residentBytes() throws -> Int {
        let text = try FileAccess.readText("/proc/self/statm")
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    @Test func whatIsFreeIsGivenBack() throws {
        // Pieces that the C library keeps, each touched: with one at the end in use it cannot shrink its heap.
        let size = 4096
        let pieces = try (0..<16384).map { _ in try #require(malloc(size)) }
        for piece in pieces { memset(piece, 1, size) }
        let full = Heap.usage
        #expect(full.inUse >= pieces.count * size)
        for piece in pieces.dropLast() { free(piece) }
        #expect(Heap.usage.free - full.free > pieces.count * size / 2)
        let before = try residentBytes()
        Heap.trim()
        // Other tests allocate meanwhile.
        #expect(before - (try residentBytes()) > pieces.count * size / 2)
        pieces.last.map { free($0) }
    }

    @Test func theLimitOfDescriptorsIsRaised() throws {
        var files = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #expect(getrlimit(resource, &files) == 0)
        let low = rlim_t(min(files.rlim_max - 1, 4096))
        files.rlim_cur = low
        #expect(setrlimit(resource, &files) == 0)
        #expect(try DescriptorLimit.raise())
        #expect(getrlimit(resource, &files) == 0)
        #expect(files.rlim_cur == files.rlim_max)
        #expect(try !DescriptorLimit.raise())
    }
}
