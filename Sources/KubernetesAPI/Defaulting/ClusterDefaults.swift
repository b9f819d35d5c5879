internal import Foundation

extension Namespace: DefaultedObject {
    /// Each namespace carries its name as a label, so that selectors can name it.
    public mutating func setDefaults() {
        if !metadata.name.isEmpty { metadata.labels["kubernetes.io/metadata.name"] = metadata.name }
    }

    /// The finalizer holds a deleted namespace until its content is gone.
    public mutating func prepareForCreate() {
        status = NamespaceStatus()
        status.phase = .active
        if !spec.finalizers.contains(.kubernetes) { spec.finalizers.append(.kubernetes) }
    }
}

extension Secret: DefaultedObject {
    /// `stringData` is for writing only: its values replace those of `data`.
    public mutating func setDefaults() {
        if type.isEmpty { type = .opaque }
        for (key, text) in stringData { data[key] = Data(text.utf8) }
        stringData = [:]
    }
}

extension PriorityClass: DefaultedObject {
    public mutating func setDefaults() {
        if preemptionPolicy == nil { preemptionPolicy = .preemptLowerPriority }
    }
}
