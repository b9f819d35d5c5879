/// Who somebody is and what they may do: what the API server asks on each request.
struct AccessControl: Sendable {
    let authorizer: Authorizer
    let tokens: TokenAuthenticator

    /// - Parameters:
    ///   - issuer: who issues tokens: the API's address in the cluster.
    ///   - now: seconds since 1970.
    init(store: Store, key: SigningKey, issuer: String, now: @escaping @Sendable () -> Int64) {
        authorizer = Authorizer(store: store)
        tokens = TokenAuthenticator(key: key, store: store, issuer: issuer, now: now)
    }
}
