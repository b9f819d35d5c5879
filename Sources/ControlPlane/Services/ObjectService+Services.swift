import KubernetesAPI

extension ObjectService {
    /// Ends what a request about a Service has claimed: it has what the store says now.
    func settle(_ ticket: ServiceTicket) {
        allocator.settle(ticket) { storedService(ticket.key) }
    }

    /// After a change of an object, whatever came of it; only Services have anything to settle.
    func settle(_ object: StoredObject, _ ticket: ServiceTicket?, _ request: ObjectRequest) {
        if let ticket { return settle(ticket) }
        guard request.resource.kind == Service.groupVersionKind, !request.options.isDryRun,
            let service = try? Service(json: object.value)
        else { return }
        settle(ServiceTicket(service))
    }

    private func storedService(_ key: ObjectKey) -> Service? {
        store.object("services", key).flatMap { try? Service(json: $0.value) }
    }

    /// Takes over what stored Services have; before the first request.
    func restoreServices() throws {
        let stored = try store.objects("services", namespace: "").objects
        allocator.restore(stored.compactMap { try? Service(json: $0.value) })
    }
}
