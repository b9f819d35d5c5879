/// The names that are the same in every cluster, below its domain.
struct ZoneNames: Sendable {
    /// The domain itself, e.g. `cluster.local`.
    let apex: DomainName
    /// Who serves it: `ns.dns.<zone>`.
    let server: DomainName
    let mailbox: DomainName
    private let services: DomainName
    private let apexLabels: [String]

    /// Nil where the domain is no name, or one too long for names of services below it.
    init?(domain: String) {
        guard let apex = DomainName(domain), let dns = apex.prefixed(by: "dns"), let server = dns.prefixed(by: "ns"),
            let mailbox = apex.prefixed(by: "hostmaster"), let services = apex.prefixed(by: "svc")
        else { return nil }
        self.apex = apex
        self.server = server
        self.mailbox = mailbox
        self.services = services
        apexLabels = apex.labels
    }

    /// `<name>.<namespace>.svc.<zone>`; nil where that is too long.
    func service(_ key: ServiceKey) -> DomainName? {
        services.prefixed(by: key.namespace)?.prefixed(by: key.name)
    }

    /// The labels in front of the domain's; nil where the name is not the domain's nor below it.
    func labels(below labels: [String]) -> [String]? {
        guard labels.count >= apexLabels.count, labels.suffix(apexLabels.count).elementsEqual(apexLabels) else {
            return nil
        }
        return Array(labels.dropLast(apexLabels.count))
    }
}
