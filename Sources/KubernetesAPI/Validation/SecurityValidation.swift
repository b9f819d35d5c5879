/// The rules of security contexts (`ValidatePodSecurityContext`, `ValidateSecurityContext`).
extension SecurityContext {
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        errors.requireID(path.child("runAsUser"), runAsUser)
        errors.requireID(path.child("runAsGroup"), runAsGroup)
        if let procMount { errors.requireKnown(path.child("procMount"), procMount, of: [.default, .unmasked]) }
        seccompProfile?.validate(at: path.child("seccompProfile"), into: &errors)
        appArmorProfile?.validate(at: path.child("appArmorProfile"), into: &errors)
        guard allowPrivilegeEscalation == false else { return }
        if privileged == true {
            errors.invalid(path, json, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        }
        if capabilities?.add.contains(where: { ["CAP_SYS_ADMIN", "SYS_ADMIN"].contains($0) }) ?? false {
            errors.invalid(
                path, json,
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
        }
    }
}

extension PodSecurityContext {
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        let ids = [("runAsUser", runAsUser), ("runAsGroup", runAsGroup), ("fsGroup", fsGroup)]
        for (field, id) in ids { errors.requireID(path.child(field), id) }
        for (index, group) in supplementalGroups.enumerated() {
            errors.requireID(path.child("supplementalGroups")[index], group)
        }
        validateSysctls(at: path.child("sysctls"), into: &errors)
        if let policy = fsGroupChangePolicy {
            errors.requireKnown(path.child("fsGroupChangePolicy"), policy, of: [.always, .onRootMismatch])
        }
        if let policy = supplementalGroupsPolicy {
            errors.requireKnown(path.child("supplementalGroupsPolicy"), policy, of: [.merge, .strict])
        }
        seccompProfile?.validate(at: path.child("seccompProfile"), into: &errors)
        appArmorProfile?.validate(at: path.child("appArmorProfile"), into: &errors)
    }

    private static let sysctlLimit = 253
    /// `SysctlContainSlashFmt`.
    private static let sysctlForm =
        "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"

    private func validateSysctls(at path: FieldPath, into errors: inout FieldErrors) {
        var names: Set<String> = []
        for (index, sysctl) in sysctls.enumerated() {
            let path = path[index].child("name")
            if sysctl.name.isEmpty {
                errors.required(path)
            } else if sysctl.name.utf8.count > Self.sysctlLimit || !Self.isSysctl(sysctl.name) {
                errors.invalid(
                    path, sysctl.name,
                    "must have at most \(Self.sysctlLimit) characters and match regex \(Self.sysctlForm)")
            } else if !names.insert(sysctl.name.replacing("/", with: ".")).inserted {
                errors.duplicate(path, sysctl.name)
            }
        }
    }

    /// Segments of lower case letters, digits, hyphens and underscores that begin and end with one of the first two.
    private static func isSysctl(_ name: String) -> Bool {
        func isEdge(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) }
        return name.utf8.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
            .allSatisfy { segment in
                guard let first = segment.first, let last = segment.last else { return false }
                return isEdge(first) && isEdge(last) && segment.allSatisfy { isEdge($0) || "-_".utf8.contains($0) }
            }
    }
}

extension SeccompProfile {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if type.isEmpty {
            errors.required(path.child("type"), "type is required when seccompProfile is set")
        } else {
            errors.requireKnown(path.child("type"), type, of: [.localhost, .runtimeDefault, .unconfined])
        }
        if type == .localhost {
            if localhostProfile == nil {
                errors.required(path.child("localhostProfile"), "must be set when seccomp type is Localhost")
            }
        } else if localhostProfile != nil {
            errors.invalid(path.child("localhostProfile"), json, "can only be set when seccomp type is Localhost")
        }
    }
}

extension AppArmorProfile {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if type.isEmpty {
            errors.required(path.child("type"), "type is required when appArmorProfile is set")
        } else {
            errors.requireKnown(path.child("type"), type, of: [.localhost, .runtimeDefault, .unconfined])
        }
        if type == .localhost {
            if localhostProfile == nil {
                errors.required(path.child("localhostProfile"), "must be set when AppArmor type is Localhost")
            }
        } else if localhostProfile != nil {
            errors.invalid(
                path.child("localhostProfile"), localhostProfile ?? "",
                "can only be set when AppArmor type is Localhost")
        }
    }
}

extension FieldErrors {
    /// A user's or a group's number.
    mutating func requireID(_ path: FieldPath, _ id: Int64?) {
        guard let id, !(0...Int64(Int32.max)).contains(id) else { return }
        invalid(path, id, "must be between 0 and \(Int32.max), inclusive")
    }
}
