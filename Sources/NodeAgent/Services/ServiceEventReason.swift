/// Reasons of events about services on this node. They are ours: kube-proxy tells such things to its log only.
enum ServiceEventReason {
    /// Of the Node: the kernel did not take the routes; what was in force before still is, and it is tried again.
    static let failedToUpdateRouting = "FailedToUpdateRouting"
    /// Of the Node: it did, after that.
    static let updatedRouting = "UpdatedRouting"
    /// Of a Service: a port's protocol is neither TCP nor UDP.
    static let unsupportedProtocol = "UnsupportedProtocol"
    /// Of a Service: one of its addresses is none.
    static let invalidAddress = "InvalidAddress"
}
