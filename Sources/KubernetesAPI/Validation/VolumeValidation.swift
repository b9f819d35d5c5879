extension PodSpec {
    /// Checks the volumes; returns the names that containers may mount.
    func validateVolumes(at path: FieldPath, into errors: inout FieldErrors) -> Set<String> {
        var names: Set<String> = []
        for (index, volume) in volumes.enumerated() {
            let path = path[index]
            if volume.name.isEmpty {
                errors.required(path.child("name"))
            } else {
                errors.invalid(path.child("name"), volume.name, NameRules.dns1123Label(volume.name))
                if !names.insert(volume.name).inserted { errors.duplicate(path.child("name"), volume.name) }
            }
            volume.validateSource(at: path, into: &errors)
        }
        return names
    }
}

extension Volume {
    fileprivate func validateSource(at path: FieldPath, into errors: inout FieldErrors) {
        let sources = sourceNames
        if sources.isEmpty { errors.required(path, "must specify a volume type") }
        for extra in sources.dropFirst() {
            errors.forbidden(path.child(extra), "may not specify more than 1 volume type")
        }
        if let size = emptyDir?.sizeLimit, !size.isValid || size.sign < 0 {
            errors.forbidden(
                path.child("emptyDir").child("sizeLimit"), "SizeLimit field must be a valid resource quantity")
        }
        if let medium = emptyDir?.medium.rawValue, !["", "Memory"].contains(medium), !medium.hasPrefix("HugePages") {
            errors.notSupported(path.child("emptyDir").child("medium"), medium, ["", "Memory"])
        }
        if let hostPath { hostPath.validate(at: path.child("hostPath"), into: &errors) }
        if let secret {
            let path = path.child("secret")
            if secret.secretName.isEmpty { errors.required(path.child("secretName")) }
            errors.requireMode(path.child("defaultMode"), secret.defaultMode)
            secret.items.validate(at: path.child("items"), into: &errors)
        }
        if let configMap {
            let path = path.child("configMap")
            if configMap.name.isEmpty { errors.required(path.child("name")) }
            errors.requireMode(path.child("defaultMode"), configMap.defaultMode)
            configMap.items.validate(at: path.child("items"), into: &errors)
        }
        if let downwardAPI {
            let path = path.child("downwardAPI")
            errors.requireMode(path.child("defaultMode"), downwardAPI.defaultMode)
            downwardAPI.items.validate(at: path.child("items"), into: &errors)
        }
        if let projected { projected.validate(at: path.child("projected"), into: &errors) }
    }
}

extension ProjectedVolumeSource {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        errors.requireMode(path.child("defaultMode"), defaultMode)
        var files: Set<String> = []
        /// Two sources cannot make one file.
        func claim(_ file: String, _ owner: String) {
            if !file.isEmpty, !files.insert(file).inserted {
                errors.invalid(path, owner, "conflicting duplicate paths")
            }
        }
        for source in sources {
            for item in source.secret?.items ?? [] { claim(item.path, source.secret?.name ?? "") }
            for item in source.configMap?.items ?? [] { claim(item.path, source.configMap?.name ?? "") }
            for item in source.downwardAPI?.items ?? [] { claim(item.path, item.path) }
        }
        for (index, source) in sources.enumerated() {
            let path = path.child("sources")[index]
            let kinds = source.json.objectValue?.keys.map { $0 } ?? []
            if kinds.isEmpty { errors.required(path, "must specify a volume type") }
            for extra in kinds.dropFirst() {
                errors.forbidden(path.child(extra), "may not specify more than 1 volume type")
            }
            if let secret = source.secret {
                if secret.name.isEmpty { errors.required(path.child("secret").child("name")) }
                secret.items.validate(at: path.child("secret").child("items"), into: &errors)
            }
            if let map = source.configMap {
                if map.name.isEmpty { errors.required(path.child("configMap").child("name")) }
                map.items.validate(at: path.child("configMap").child("items"), into: &errors)
            }
            source.downwardAPI?.items.validate(at: path.child("downwardAPI").child("items"), into: &errors)
            if let token = source.serviceAccountToken {
                let path = path.child("serviceAccountToken")
                errors.requireFilePath(path.child("path"), token.path)
                if let seconds = token.expirationSeconds, seconds < 600 {
                    errors.invalid(
                        path.child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes")
                }
                if let seconds = token.expirationSeconds, seconds > 1 << 32 {
                    errors.invalid(
                        path.child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds")
                }
            }
        }
    }
}

extension HostPathVolumeSource {
    private static let types: [HostPathType] = [
        "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
    ]

    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if self.path.isEmpty {
            errors.required(path.child("path"))
        } else if self.path.split(separator: "/").contains("..") {
            errors.invalid(path.child("path"), self.path, "must not contain '..'")
        }
        if let type, !Self.types.contains(type) {
            errors.notSupported(path.child("type"), type.rawValue, Self.types.map(\.rawValue))
        }
    }
}

extension [KeyToPath] {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        for (index, item) in enumerated() {
            let path = path[index]
            if item.key.isEmpty { errors.required(path.child("key")) }
            errors.requireFilePath(path.child("path"), item.path)
            errors.requireMode(path.child("mode"), item.mode)
        }
    }
}

extension [DownwardAPIVolumeFile] {
    private static let fieldPaths = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
    ]

    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        for (index, item) in enumerated() {
            let path = path[index]
            errors.requireFilePath(path.child("path"), item.path)
            errors.requireMode(path.child("mode"), item.mode)
            switch (item.fieldRef, item.resourceFieldRef) {
            case (nil, nil): errors.required(path, "one of fieldRef and resourceFieldRef is required")
            case (.some, .some):
                errors.invalid(
                    path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            case (let field?, nil):
                field.validate(of: Self.fieldPaths, at: path.child("fieldRef"), into: &errors)
            case (nil, let resource?):
                if resource.containerName.isEmpty {
                    errors.required(path.child("resourceFieldRef").child("containerName"))
                }
                resource.validate(at: path.child("resourceFieldRef"), into: &errors)
            }
        }
    }
}

extension FieldErrors {
    fileprivate mutating func requireMode(_ path: FieldPath, _ mode: Int32?) {
        guard let mode, !(0...0o777).contains(mode) else { return }
        invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")
    }

    /// A file's path in a volume; names that begin with two dots are the volume's own.
    fileprivate mutating func requireFilePath(_ path: FieldPath, _ value: String) {
        if value.isEmpty {
            required(path)
        } else {
            requireInside(path, value)
            if value.hasPrefix(".."), !value.hasPrefix("../"), value != ".." {
                invalid(path, value, "must not start with '..'")
            }
        }
    }
}
