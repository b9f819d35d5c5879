import KubernetesAPI

/// Brings a Service's slices to what they should be, by as few writes as that takes.
struct SliceWriter: Sendable {
    let client: APIClient
    let slices: FreshObjects<EndpointSlice>

    /// The slices of a Service that a manager has written.
    func present(of service: ObjectKey, manager: String) -> [EndpointSlice] {
        slices.members(of: service).filter { $0.metadata.labels[EndpointLabels.managedBy] == manager }
    }

    /// Throws where the API refuses; what was written until then is remembered.
    ///
    /// - Parameter time: when the change came that this is about.
    func write(_ wanted: [EndpointGroup: [Endpoint]], owner: SliceOwner, time: MicroTimestamp) async throws {
        let present = present(of: owner.service, manager: owner.manager)
        var plan = SlicePlan(wanted, present: present, owner: owner)
        guard !plan.isEmpty else { return }
        plan.note(time, present: present)
        // What is new first: an endpoint that moves from one slice to another is in both for a moment, never in none.
        for slice in plan.created { slices.wrote(try await client.create(slice)) }
        for slice in plan.updated {
            do {
                slices.wrote(try await client.update(slice))
            } catch let error as APIError where error.isNotFound {
                slices.removed(slice)
                throw error
            }
        }
        for slice in plan.deleted { try await delete(slice) }
    }

    /// Deletes what a manager has written for a Service.
    func deleteAll(of service: ObjectKey, manager: String) async throws {
        for slice in present(of: service, manager: manager) { try await delete(slice) }
    }

    private func delete(_ slice: EndpointSlice) async throws {
        var options = DeleteOptions()
        options.preconditions = Preconditions()
        options.preconditions?.uid = slice.metadata.uid
        do {
            try await client.delete(
                EndpointSlice.self, slice.metadata.name, namespace: slice.metadata.namespace, options: options)
        } catch let error as APIError where error.isNotFound || error.isConflict {
            // It is gone, or a namesake is there.
        }
        slices.removed(slice)
    }
}

extension FreshObjects<EndpointSlice> {
    /// The slices of an informer, by Service.
    convenience init(slices informer: Informer<EndpointSlice>) {
        self.init(informer) { slice in
            slice.metadata.labels[EndpointLabels.serviceName].map {
                ObjectKey(namespace: slice.metadata.namespace, name: $0)
            }
        }
    }
}

extension EndpointSlice {
    /// The Service that it belongs to and who writes it.
    var serviceKey: ObjectKey? {
        metadata.labels[EndpointLabels.serviceName].map { ObjectKey(namespace: metadata.namespace, name: $0) }
    }
}
