internal import CLinux
internal import Glibc

/// Starts processes from a launch plan's bytes (the layout is in clx_launch.h). For a single-threaded supervisor.
public enum Launch {
    /// Why a plan was not even begun.
    public enum Refusal: Error, Sendable, Hashable {
        /// A step, or the plan's version, that this walker does not know; the step's index.
        case unknownStep(Int)
        /// The plan refers to something outside of itself, or is no plan; the step's index.
        case malformed(Int)
        case system(SystemError)
    }

    /// Descriptors that plans refer to by number: the pod's namespaces, then stdio, then what a message brought.
    public static let firstAttachedDescriptor = Int(CLX_FD_FIRST)

    /// Whether every step of a plan is known and refers to nothing outside of the plan.
    public static func check(_ plan: [UInt8], descriptorCount: Int) throws(Refusal) {
        // Read-only here: the walker's copy is another.
        let failure: Refusal? = plan.withUnsafeBytes { bytes in
            refusal(bytes.baseAddress, bytes.count, descriptorCount)
        }
        if let failure { throw failure }
    }

    private static func refusal(_ plan: UnsafeRawPointer?, _ size: Int, _ descriptorCount: Int) -> Refusal? {
        var index: UInt32 = 0
        guard let plan else { return .malformed(0) }
        switch clx_plan_check(plan, size, descriptorCount, &index) {
        case 0: return nil
        case -ENOTSUP: return .unknownStep(Int(index))
        default: return .malformed(Int(index))
        }
    }

    /// Clones step A into `cgroup`, which clones step B (see DESIGN: two-step launch).
    ///
    /// - Parameters:
    ///   - plan: a memory file with the plan.
    ///   - stamps: a memory file for the time stamps of the steps, of 8 bytes each and two more.
    ///   - descriptors: the table; nil for a namespace that the pod does not have.
    ///   - records: the writing end of the record pipe; the caller closes it afterwards.
    /// - Returns: the pid of step A. B's follows through the pipe; both are children of the caller.
    public static func start(
        plan: FileDescriptor, stamps: FileDescriptor?, descriptors: [FileDescriptor?], cgroup: FileDescriptor,
        records: FileDescriptor
    ) throws(Refusal) -> Int32 {
        let size: Int
        do { size = Int(try FileAccess.status(plan).st_size) } catch { throw .system(error) }
        guard size > 0 else { throw .malformed(0) }
        let bytes = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, plan.rawValue, 0)
        guard let bytes, bytes != MAP_FAILED else {
            throw .system(SystemError(call: "mmap", object: "plan", errno: errno))
        }
        // The child has copies of both mappings.
        defer { munmap(bytes, size) }
        if let failure = refusal(bytes, size, descriptors.count) { throw failure }

        let stepCount = Int(bytes.assumingMemoryBound(to: clx_plan_header.self).pointee.step_count)
        let stampSize = (stepCount + 2) * 8
        var stampBytes: UnsafeMutableRawPointer?
        if let stamps, let facts = try? FileAccess.status(stamps), Int(facts.st_size) >= stampSize {
            let mapped = mmap(nil, stampSize, PROT_READ | PROT_WRITE, MAP_SHARED, stamps.rawValue, 0)
            if mapped != MAP_FAILED { stampBytes = mapped }
        }
        defer { if let stampBytes { munmap(stampBytes, stampSize) } }

        let numbers = descriptors.map { $0?.rawValue ?? -1 }
        let pid = withExtendedLifetime(descriptors) {
            numbers.withUnsafeBufferPointer { table in
                var launch = clx_launch()
                launch.plan = bytes
                launch.size = size
                launch.stamps = stampBytes?.assumingMemoryBound(to: UInt64.self)
                launch.fds = table.baseAddress
                launch.fd_count = table.count
                launch.cgroup = cgroup.rawValue
                launch.record_pipe = records.rawValue
                return clx_launch_container(&launch)
            }
        }
        if pid < 0 { throw .system(SystemError(call: "clone3", object: "step A", errno: -pid)) }
        return pid
    }

    /// What comes through the record pipe.
    public enum Record: Sendable, Hashable {
        /// Step B's pid.
        case born(Int32)
        /// The walk ended at a step.
        case failed(Failure)

        /// One record's size on the pipe.
        public static let size = MemoryLayout<clx_record>.size

        public init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= Self.size else { return nil }
            let raw = bytes.loadUnaligned(as: clx_record.self)
            switch raw.kind {
            case UInt32(CLX_RECORD_BORN): self = .born(raw.value)
            case UInt32(CLX_RECORD_FAILED):
                self = .failed(
                    Failure(code: raw.value, index: Int(raw.index), kind: UInt16(truncatingIfNeeded: raw.step)))
            default: return nil
            }
        }
    }

    /// Which step of a plan failed, and how.
    public struct Failure: Sendable, Hashable {
        /// The errno with the flags that the walker adds.
        public let code: Int32
        /// Index of the step; the number of steps stands for the second clone.
        public let index: Int
        /// The step's kind; 0 for the second clone.
        public let kind: UInt16

        public init(code: Int32, index: Int, kind: UInt16) {
            self.code = code
            self.index = index
            self.kind = kind
        }

        public var errno: Int32 { code & 0xffff }
        /// exec: the file is there, but its interpreter or loader is not.
        public var isMissingInterpreter: Bool { code & CLX_ERROR_INTERPRETER != 0 }
        /// The working directory is not inside of the root file system.
        public var isOutsideOfRoot: Bool { code & CLX_ERROR_OUTSIDE != 0 }
    }
}
