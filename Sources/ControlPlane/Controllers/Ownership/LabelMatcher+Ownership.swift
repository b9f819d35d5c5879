import KubernetesAPI

extension LabelMatcher {
    /// What a controller's selector selects; nil where it selects nothing, everything or makes no sense, none of
    /// which validation lets in, and on none of which anything may be adopted or released.
    init?(ofController selector: LabelSelector?) {
        guard let selector, let matcher = try? LabelMatcher(selector), !matcher.isEmpty else { return nil }
        self = matcher
    }
}
