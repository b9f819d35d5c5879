/// One of the loops that make the cluster what its objects say.
///
/// Made while nothing runs yet: it adds its handlers to informers and to the tracker then, which are quick and only
/// fill its queue.
protocol Controller: Sendable {
    /// Works until the task is cancelled. The informers run elsewhere and are synced before. Errors of the API are its
    /// own to deal with: they are logged and tried again.
    func run() async
}
