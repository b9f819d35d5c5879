/// What brings connections to services' addresses to their pods.
public protocol ServiceRouting: Sendable {
    /// Makes exactly these routes be in force, in one transaction, and returns when they are: there is no moment without
    /// routes. To be called first after a start, and after an error.
    ///
    /// - Throws: `RuntimeError`; what was in force before still is.
    func replaceAll(_ routes: [ServiceRoute]) async throws

    /// Changes some routes in one transaction that costs what the change costs, and returns when they are in force.
    ///
    /// - Parameters:
    ///   - changed: new ones, and those that differ from what was said before under their `id`.
    ///   - removed: ids; one that is not known is no error.
    /// - Throws: `RuntimeError`; what was in force before still is, and `replaceAll` has to be next.
    func update(_ changed: [ServiceRoute], removed: [String]) async throws
}
