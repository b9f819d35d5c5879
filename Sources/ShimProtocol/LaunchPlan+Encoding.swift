extension LaunchPlan {
    /// `CLX_PLAN_MAGIC`
    static let magic: UInt32 = 0x4e50_4c4d
    /// `CLX_PLAN_VERSION`
    static let version: UInt32 = 1
    static let headerSize = 32
    static let stepSize = 56

    /// The plan's bytes. Strings end at their first NUL, as they would in C.
    public func encoded() -> [UInt8] {
        var encoder = Encoder(stepCount: count)
        for (step, optional) in joins { encoder.append(step, optional: optional) }
        for (step, optional) in steps { encoder.append(step, optional: optional) }
        return encoder.finish(joinCount: joins.count, flags: newNamespaces.rawValue)
    }

    private struct Encoder {
        private var head = ByteWriter()
        private var pool = ByteWriter()
        private let poolStart: Int
        private let stepCount: Int

        init(stepCount: Int) {
            self.stepCount = stepCount
            poolStart = LaunchPlan.headerSize + stepCount * LaunchPlan.stepSize
            // Offset 0 means "none", and no string may begin where another's table does.
            pool.bytes.append(0)
        }

        private mutating func string(_ text: String) -> UInt32 {
            let offset = UInt32(poolStart + pool.bytes.count)
            pool.bytes.append(contentsOf: text.utf8.prefix { $0 != 0 })
            pool.bytes.append(0)
            return offset
        }

        private mutating func align() {
            while (poolStart + pool.bytes.count) % 8 != 0 { pool.bytes.append(0) }
        }

        private mutating func table(_ bytes: [UInt8]) -> UInt32 {
            align()
            let offset = UInt32(poolStart + pool.bytes.count)
            pool.bytes.append(contentsOf: bytes)
            return offset
        }

        /// A list of offsets that ends with 0.
        private mutating func list(_ strings: [String]) -> UInt32 {
            var writer = ByteWriter()
            for text in strings { writer.integer(UInt64(string(text))) }
            writer.integer(UInt64(0))
            return table(writer.bytes)
        }

        mutating func append(_ step: Step, optional: Bool) {
            var fd: Int32 = -1
            var (a, b, c): (UInt64, UInt64, UInt64) = (0, 0, 0)
            var (path, text, type, data): (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
            var (table, count): (UInt32, UInt32) = (0, 0)
            switch step {
            case .joinNamespace(let descriptor, let kind):
                (fd, a) = (descriptor.index, kind)
            case .newSession, .newKeyring, .sealRoot, .pivotRoot, .setNoNewPrivileges, .closeDescriptors, .pause:
                break
            case .setPropagation(let target, let flags):
                (path, a) = (string(target), flags)
            case .changeDirectory(let target), .root(let target), .makeReadOnly(let target),
                .setWorkingDirectory(let target):
                path = string(target)
            case .mount(let source, let target, let kind, let flags, let options):
                (text, path, type, data, a) = (string(source), string(target), string(kind), string(options), flags)
            case .makeDirectory(let target, let mode):
                (path, a) = (string(target), UInt64(mode))
            case .mountFileSystem(let kind, let target, let options, let attributes):
                (type, path, a) = (string(kind), string(target), attributes.rawValue)
                data = string(options.joined(separator: "\n"))
            case .attachMount(let descriptor, let target, let isFile):
                (fd, path, a) = (descriptor.index, string(target), isFile ? 1 : 0)
            case .bind(let source, let target, let attributes, let isFile):
                (text, path, a, b) = (string(source), string(target), attributes.rawValue, isFile ? 1 : 0)
            case .makeSymbolicLink(let target, let content):
                (path, text) = (string(target), string(content))
            case .makeDevice(let target, let mode, let major, let minor):
                (path, a, b) = (string(target), UInt64(mode), UInt64(major) << 32 | UInt64(minor))
            case .mask(let target, let emptyDirectory):
                (path, text) = (string(target), string(emptyDirectory))
            case .write(let target, let content):
                (path, text) = (string(target), string(content))
            case .setLimit(let resource, let soft, let hard):
                (a, b, c) = (resource, soft, hard)
            case .setUmask(let mask):
                a = UInt64(mask)
            case .setStandardStream(let descriptor, let number):
                (fd, a) = (descriptor.index, UInt64(number))
            case .setGroups(let groups):
                var writer = ByteWriter()
                for group in groups { writer.integer(group) }
                (table, count) = (self.table(writer.bytes), UInt32(groups.count))
            case .setUser(let uid, let gid):
                (a, b) = (UInt64(uid), UInt64(gid))
            case .limitCapabilities(let mask), .setCapabilities(let mask):
                a = mask
            case .setSeccompFilter(let program):
                (table, count) = (self.table(program), UInt32(program.count / 8))
            case .execute(let arguments, let environment, let searchPath):
                (table, count, b) = (list(arguments), UInt32(arguments.count), UInt64(list(environment)))
                data = string(searchPath)
            }
            head.integer(step.kind)
            head.integer(UInt16(optional ? 1 : 0))
            head.integer(UInt32(bitPattern: fd))
            for value in [a, b, c] { head.integer(value) }
            for value in [path, text, type, data, table, count] { head.integer(value) }
        }

        mutating func finish(joinCount: Int, flags: UInt64) -> [UInt8] {
            pool.bytes.append(0)
            var writer = ByteWriter()
            writer.integer(LaunchPlan.magic)
            writer.integer(LaunchPlan.version)
            writer.integer(UInt32(stepCount))
            writer.integer(UInt32(joinCount))
            writer.integer(flags)
            writer.integer(UInt32(poolStart + pool.bytes.count))
            writer.integer(UInt32(0))
            return writer.bytes + head.bytes + pool.bytes
        }
    }
}
