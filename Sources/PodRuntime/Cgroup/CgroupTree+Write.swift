import Glibc
import LinuxKernel

extension CgroupTree {
    func make(_ path: String, _ fill: () throws -> Void) throws {
        do throws(SystemError) {
            try FileAccess.makeDirectory(path, exclusive: true)
        } catch {
            let kind: RuntimeError.Kind = error.errno == EEXIST ? .alreadyExists : .create
            throw RuntimeError(
                kind, step: "cgroup", object: path, errno: error.errno, message: "cgroup: \(error)")
        }
        do { try fill() } catch {
            try? removeTree(path)
            throw error
        }
    }

    /// Enables for the children of a cgroup all controllers of ours that are there.
    func enableControllers(_ path: String) throws(SystemError) {
        let wanted = cgroupControllers.map { $0.name }.filter(capabilities.controllers.contains)
        guard !wanted.isEmpty else { return }
        let file = "\(path)/cgroup.subtree_control"
        let enabled = (try? FileAccess.readText(file))?.split(separator: " ").map(String.init) ?? []
        let lacking = wanted.filter { !enabled.contains($0) }
        guard !lacking.isEmpty else { return }
        try write(lacking.map { "+\($0)" }.joined(separator: " "), to: file)
    }

    private var available: [any CgroupController.Type] {
        cgroupControllers.filter { capabilities.controllers.contains($0.name) }
    }

    /// What is to be written for `resources`, checked.
    ///
    /// - Parameter parent: the cgroup above, which bounds what can be had.
    /// - Throws: `RuntimeError(.unenforceable)` unless `bestEffort` is set, `.configuration`.
    func settings(
        for resources: CgroupResources, object: String, in parent: String, bestEffort: Bool
    ) throws -> [CgroupSetting] {
        let resources = try check(resources, object: object, in: parent, bestEffort: bestEffort)
        return available.flatMap { $0.settings(for: resources) }
    }

    private func check(
        _ resources: CgroupResources, object: String, in parent: String, bestEffort: Bool
    ) throws -> CgroupResources {
        if !bestEffort {
            let problems = capabilities.unenforced(resources)
            guard problems.isEmpty else {
                throw RuntimeError(
                    .unenforceable, step: "cgroup", object: object,
                    message: problems.map(\.description).joined(separator: "; "))
            }
        }
        var resources = resources
        if capabilities.controllers.contains(IOController.name) {
            resources.ioMax = try IOController.resolve(resources.ioMax)
        }
        if capabilities.controllers.contains(CpusetController.name) {
            try CpusetController.check(resources) { try? FileAccess.readText("\(parent)/\($0)") }
        }
        return resources
    }

    /// Writes the settings of a cgroup that was just made.
    func apply(_ settings: [CgroupSetting], to path: String, bestEffort: Bool) throws {
        for setting in settings { try apply(setting, to: path, bestEffort: bestEffort) }
    }

    private func apply(_ setting: CgroupSetting, to path: String, bestEffort: Bool) throws {
        do throws(SystemError) {
            try write(setting.line, to: "\(path)/\(setting.file)")
        } catch {
            switch error.errno {
            case ENOENT where !setting.isLimit || bestEffort:
                return
            case ENOSPC where setting == setting.reset && setting.file.hasPrefix("cpuset."):
                // A cpuset with processes in it cannot be emptied again: it gets all that the parent has.
                let above = FileAccess.split(path).directory
                try wrap(step: "cgroup", object: path) { () throws(SystemError) in
                    let all = try FileAccess.readText("\(above)/\(setting.file).effective")
                    try write(all, to: "\(path)/\(setting.file)")
                }
            case ENOENT where FileAccess.exists(path):
                throw RuntimeError(
                    .unenforceable, step: "cgroup", object: path, errno: error.errno,
                    message: "\(setting.words) cannot be enforced: this kernel has no \(setting.file)")
            case EINVAL, ERANGE, ENODEV, EOPNOTSUPP:
                throw RuntimeError(
                    .configuration, step: "cgroup", object: path, errno: error.errno,
                    message: "the kernel refuses \(setting.words): \(error.reason)")
            default:
                throw runtimeError(error, step: "cgroup", object: path)
            }
        }
    }

    // MARK: Live

    /// Changes what a cgroup has, in place: all of it, or nothing. What it has now is what the kernel says.
    ///
    /// - Parameter resources: what it is to have; what is nil goes back to the kernel's default.
    /// - Throws: `RuntimeError(.memoryInUse)` where `memory.max` would be below what is in use, `.unenforceable`,
    ///   `.configuration`, `.notFound` where the cgroup is gone.
    func update(_ path: String, to resources: CgroupResources, bestEffort: Bool) throws {
        let above = FileAccess.split(path).directory
        let resources = try check(resources, object: path, in: above, bestEffort: bestEffort)
        guard FileAccess.exists(path) else {
            throw RuntimeError(.notFound, step: "cgroup", object: path, message: "cgroup \(path) is gone")
        }
        var changes: [CgroupSetting] = []
        var present: [CgroupSetting] = []
        for controller in available {
            let now = settings(of: controller, in: path)
            changes += controller.changes(from: now, to: resources)
            present += now
        }
        if let limit = changes.first(where: { $0.file == "memory.max" }) { try makeRoom(path, limit: limit.value) }
        var done: [CgroupSetting] = []
        do {
            for setting in changes {
                try apply(setting, to: path, bestEffort: bestEffort)
                done.append(present.first(where: setting.isSameLine) ?? setting.reset)
            }
        } catch {
            for previous in done.reversed() { try? apply(previous, to: path, bestEffort: true) }
            throw error
        }
    }

    /// What the files of a controller say now.
    private func settings(of controller: any CgroupController.Type, in path: String) -> [CgroupSetting] {
        var all = CgroupResources.everyKnob
        all.hugePages = Dictionary(uniqueKeysWithValues: capabilities.hugePages.map { ($0.name, 0) })
        let devices = (try? FileAccess.readText("\(path)/io.max"))?.split(separator: "\n") ?? []
        all.ioMax = devices.compactMap { $0.split(separator: " ").first.map { IOLimit(device: String($0)) } }
        var settings = controller.settings(for: all)
        // An idle cgroup has no weight to be written, but may have had one.
        all.cpuIdle = true
        for setting in controller.settings(for: all) where !settings.contains(where: setting.isSameLine) {
            settings.append(setting)
        }
        return settings.compactMap { setting in
            guard let text = try? FileAccess.readText("\(path)/\(setting.file)") else { return nil }
            var present = setting
            if setting.key.isEmpty {
                present.value = text.isEmpty ? setting.initial : text
                return present
            }
            for line in text.split(separator: "\n") where line.hasPrefix(setting.key + " ") {
                present.value = String(line.dropFirst(setting.key.utf8.count + 1))
                return present
            }
            return nil
        }
    }

    /// Sees to it that a lower `memory.max` kills nobody (KEP-1287, "Memory Limit Decreases"): usage above the new limit
    /// is refused, as the kubelet does. Unlike the kubelet it is first tried to give page cache back, which is no use
    /// that anybody would miss; `memory.reclaim` does so without a limit being touched.
    private func makeRoom(_ path: String, limit: String) throws {
        guard let limit = Int64(limit), var current = memoryCurrent(path), current > limit else { return }
        for _ in 0..<3 {
            guard current > limit, current - pageCache(path) <= limit else { break }
            // EAGAIN: less could be had. There is no such file before Linux 5.19.
            guard (try? write("\(current - limit)", to: "\(path)/memory.reclaim")) != nil else { break }
            current = memoryCurrent(path) ?? current
        }
        current = memoryCurrent(path) ?? current
        guard current > limit else { return }
        throw RuntimeError(
            .memoryInUse, step: "memory.max", object: path,
            message: "memory.max \(limit) is below what is in use: \(current) bytes")
    }

    func write(_ value: String, to file: String) throws(SystemError) {
        let descriptor = try FileDescriptor.open(file, O_WRONLY | creationFlags, mode: 0o600)
        do { try descriptor.writeAll(value) } catch {
            throw SystemError(call: error.call, object: "\(file) (\(value))", errno: error.errno)
        }
    }
}

extension CgroupResources {
    /// Every knob away from the kernel's default, for the names of the files.
    static let everyKnob = CgroupResources(
        cpuQuota: 1000, cpuBurst: 1, cpuWeight: 1, memoryMin: 1, memoryLow: 1, memoryHigh: 1, memoryMax: 1,
        memorySwapMax: 1, memorySwapHigh: 1, pidsMax: 1, oomGroup: true, cpus: "0", memoryNodes: "0", ioWeight: 1)
}
