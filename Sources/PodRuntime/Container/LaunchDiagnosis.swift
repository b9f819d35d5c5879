import Glibc
import LinuxKernel
import ShimProtocol

extension RuntimeError {
    /// Puts a failed launch into words that name the step, the object and the errno.
    init(launch failure: LaunchFailure, of plan: LaunchPlan, container: String) {
        let facts = Launch.Failure(code: failure.code, index: Int(failure.index), kind: failure.kind)
        if failure.wasKilled {
            self.init(
                .create, step: "launch", object: container,
                message: "container \(container) was killed while it was being started (out of memory, or stopped)")
            return
        }
        let step = plan.step(at: facts.index)
        let reason = SystemError(call: "", errno: facts.errno).reason
        guard let step, step.kind == facts.kind else {
            self.init(
                .create, step: "clone", object: container, errno: facts.errno,
                message: "cannot clone the process of container \(container): \(reason)")
            return
        }
        switch step {
        case .execute(let arguments, _, _):
            let program = arguments.first ?? ""
            let message =
                if facts.isMissingInterpreter {
                    "exec \(program): no such file or directory (the file is there, its interpreter or loader is not)"
                } else if program.contains("/") {
                    facts.errno == ENOENT
                        ? "exec: \"\(program)\": stat \(program): no such file or directory"
                        : "exec: \"\(program)\": \(reason)"
                } else {
                    facts.errno == ENOENT
                        ? "exec: \"\(program)\": executable file not found in $PATH"
                        : "exec: \"\(program)\": \(reason)"
                }
            self.init(.start, step: "exec", object: program, errno: facts.errno, message: message)
        case .setWorkingDirectory(let path):
            self.init(
                .start, step: "chdir", object: path, errno: facts.errno,
                message: facts.isOutsideOfRoot
                    ? "working directory \"\(path)\" is outside of the container's root"
                    : "chdir to working directory \"\(path)\": \(reason)")
        default:
            let (name, object) = step.nameAndObject
            self.init(
                .create, step: name, object: object, errno: facts.errno,
                message: object.isEmpty ? "\(name): \(reason)" : "\(name) \(object): \(reason)")
        }
    }
}

extension LaunchPlan.Step {
    /// What it does, in a word or two, and what to.
    var nameAndObject: (name: String, object: String) {
        switch self {
        case .joinNamespace(let descriptor, _): ("setns", "\(descriptor)")
        case .newSession: ("setsid", "")
        case .newKeyring: ("keyctl", "session keyring")
        case .setPropagation(let path, _): ("mount propagation", path)
        case .changeDirectory(let path): ("chdir", path)
        case .mount(_, let target, let type, _, _): ("mount \(type)", target)
        case .root(let path): ("open root", path)
        case .makeDirectory(let path, _): ("mkdir", path)
        case .mountFileSystem(let type, let target, _, _): ("mount \(type)", target)
        case .attachMount(_, let target, _): ("mount volume", target)
        case .bind(_, let target, _, _): ("bind mount", target)
        case .makeSymbolicLink(let path, _): ("symlink", path)
        case .makeDevice(let path, _, _, _): ("mknod", path)
        case .mask(let path, _): ("mask", path)
        case .makeReadOnly(let path): ("make read-only", path)
        case .sealRoot: ("make read-only", "/")
        case .pivotRoot: ("pivot_root", "")
        case .write(let path, _): ("write", path)
        case .setLimit(let resource, _, _): ("prlimit", "\(resource)")
        case .setUmask: ("umask", "")
        case .setStandardStream(_, let number): ("dup2", "\(number)")
        case .setWorkingDirectory(let path): ("chdir", path)
        case .setGroups: ("setgroups", "")
        case .setUser(let uid, let gid): ("set user", "\(uid):\(gid)")
        case .limitCapabilities: ("capability bounding set", "")
        case .setCapabilities: ("capset", "")
        case .setNoNewPrivileges: ("no_new_privs", "")
        case .setSeccompFilter: ("seccomp", "")
        case .closeDescriptors: ("close_range", "")
        case .execute(let arguments, _, _): ("exec", arguments.first ?? "")
        case .pause: ("pause", "")
        }
    }
}
