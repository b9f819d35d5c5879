internal import CLinux

/// The C library's heap, which all of Swift's objects are in.
public enum Heap {
    /// Bytes of the whole process, without thread stacks and mapped files.
    public struct Usage: Sendable, Hashable {
        public var inUse: Int
        /// Kept by the C library for later, and still resident as a rule.
        public var free: Int

        public init(inUse: Int, free: Int) {
            self.inUse = inUse
            self.free = free
        }
    }

    /// mallinfo2(3): walks the lists of free pieces of all arenas.
    public static var usage: Usage {
        let usage = clx_heap_usage()
        return Usage(inUse: Int(clamping: usage.in_use), free: Int(clamping: usage.free))
    }

    /// At most so many arenas (mallopt(3), M_ARENA_MAX); for the start of a program. By default there are eight for each
    /// core, as many as there are threads, and what one of them has free is of no use to the others.
    public static func limitArenas(_ count: Int) {
        // Fails for no value above 0, and a refusal changes nothing but the memory that is needed.
        clx_heap_limit_arenas(Int32(clamping: count))
    }

    /// Gives whole free pages back to the kernel (malloc_trim(3)). Takes milliseconds for tens of megabytes, and holds up
    /// others that allocate: call it on a thread that may block.
    public static func trim() {
        clx_heap_trim()
    }
}
