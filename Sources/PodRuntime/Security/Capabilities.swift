import LinuxKernel

/// Linux capabilities (capabilities(7)) as containers get them.
public enum Capabilities {
    /// What a container has that asks for nothing: the fourteen that containerd and Docker give.
    public static let runtimeDefault = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ]

    /// The set of a container as a mask, bit n being capability number n.
    ///
    /// - Parameters:
    ///   - add: names with or without `CAP_`, in any case; `ALL` is all that the kernel has.
    ///   - drop: likewise. `drop: ALL` leaves what `add` names; otherwise a name in both is dropped.
    ///   - privileged: everything that the kernel has, whatever the lists say.
    /// - Throws: `RuntimeError(.configuration)` with a name that is no capability.
    public static func mask(add: [String], drop: [String], privileged: Bool) throws -> UInt64 {
        let (added, addsAll) = try parse(add)
        let (dropped, dropsAll) = try parse(drop)
        if privileged { return all }
        if dropsAll { return addsAll ? all : added }
        let base = addsAll ? all : try parse(runtimeDefault).mask | added
        return base & ~dropped
    }

    /// Every capability of the running kernel.
    public static var all: UInt64 {
        let count = CapabilityName.count
        return count >= 64 ? .max : (1 << UInt64(count)) - 1
    }

    /// Whether a mask has the capability of that name.
    public static func contains(_ mask: UInt64, _ name: String) -> Bool {
        guard let number = CapabilityName.number(name), number < 64 else { return false }
        return mask & (1 << UInt64(number)) != 0
    }

    /// The names in a mask, by number.
    public static func names(_ mask: UInt64) -> [String] {
        (0..<64).filter { mask & (1 << UInt64($0)) != 0 }.map { CapabilityName.name($0) ?? "\($0)" }
    }

    private static func parse(_ names: [String]) throws -> (mask: UInt64, all: Bool) {
        var mask: UInt64 = 0
        var all = false
        for name in names {
            let upper = name.uppercased()
            if upper == "ALL" || upper == "CAP_ALL" {
                all = true
                continue
            }
            guard let number = CapabilityName.number(upper.hasPrefix("CAP_") ? upper : "CAP_" + upper), number < 64
            else {
                throw RuntimeError(
                    .configuration, step: "capabilities", object: name, message: "unknown capability \"\(name)\"")
            }
            mask |= 1 << UInt64(number)
        }
        return (mask, all)
    }
}
