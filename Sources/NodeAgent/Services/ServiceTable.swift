import InternetAddress
import KubernetesAPI
import PodRuntime

/// Everything that this node's routes follow from, and which of them have changed since they were last taken. Plain
/// state: `ServiceProxy` holds it under its lock.
struct ServiceTable {
    /// What routes come from.
    private enum Origin: Hashable {
        case service(ObjectKey)
        /// Host ports of a pod, by uid.
        case pod(String)
    }

    private struct HostPorts {
        var claims: [HostPortClaim]
        var addresses: [IPAddress]
    }

    /// What is to be told of a service that cannot be routed as it asks for.
    struct Complaint: Sendable, Hashable {
        var service: ObjectReference
        var problem: RouteTranslation.Problem
    }

    /// What differs from the routes that were taken before.
    struct Changes: Sendable, Hashable {
        var changed: [ServiceRoute] = []
        var removed: [String] = []
        var complaints: [Complaint] = []
        /// When the changes of endpoints behind these routes began, in microseconds since 1970, as the slices tell.
        var triggers: [Int64] = []

        var isEmpty: Bool { changed.isEmpty && removed.isEmpty }
    }

    /// Of a pod that is gone, the override outlives it: a slice may be written late. So many are remembered.
    static let rememberedPods = 1000
    /// When what a slice tells changed first (RFC 3339 with a fraction); others measure the latency of routing by it.
    static let triggerAnnotation = "endpoints.kubernetes.io/last-change-trigger-time"
    static let serviceNameLabel = "kubernetes.io/service-name"

    private let translation: RouteTranslation
    private(set) var services: [ObjectKey: KubernetesAPI.Service] = [:]
    private var slices: [ObjectKey: EndpointSlice] = [:]
    private var slicesOfService: [ObjectKey: Set<ObjectKey>] = [:]
    /// The slices that list a pod, by its uid.
    private var slicesOfPod: [String: Set<ObjectKey>] = [:]
    private var departures: [String: RouteTranslation.Departure] = [:]
    private var gone: [String] = []
    private var hostPorts: [String: HostPorts] = [:]

    private var stale: Set<Origin> = []
    private var routesOf: [Origin: [ServiceRoute]] = [:]
    private var triggers: [Int64] = []
    private var complaints: [ObjectKey: [RouteTranslation.Problem]] = [:]

    init(_ translation: RouteTranslation) { self.translation = translation }

    /// Every route as of the last `takeChanges`.
    var routes: [ServiceRoute] { routesOf.values.flatMap { $0 }.sorted { $0.id < $1.id } }
    /// How many services have routes, likewise.
    var routedServices: Int { routesOf.keys.count { if case .service = $0 { true } else { false } } }

    // MARK: Services and slices

    mutating func put(_ service: KubernetesAPI.Service) {
        let old = services.updateValue(service, forKey: service.key)
        // What others write into its metadata and its conditions leads nobody anywhere else.
        guard
            old?.spec != service.spec || old?.status.loadBalancer != service.status.loadBalancer
                || old?.metadata.labels != service.metadata.labels
        else { return }
        stale.insert(.service(service.key))
    }

    mutating func removeService(_ key: ObjectKey) {
        guard services.removeValue(forKey: key) != nil else { return }
        stale.insert(.service(key))
    }

    /// - Parameter now: microseconds since 1970; nil where nothing is to be learned of the latency (a first list).
    mutating func put(_ slice: EndpointSlice, now: Int64? = nil) {
        let key = slice.key
        let old = slices.updateValue(slice, forKey: key)
        let oldService = old.flatMap(Self.service)
        if let old { unlink(old, key, except: Self.pods(of: slice)) }
        for uid in Self.pods(of: slice) { slicesOfPod[uid, default: []].insert(key) }
        let service = Self.service(of: slice)
        if let oldService, oldService != service { stale.insert(.service(oldService)) }
        guard let service else { return }
        slicesOfService[service, default: []].insert(key)
        guard old?.endpoints != slice.endpoints || old?.ports != slice.ports || oldService != service else { return }
        stale.insert(.service(service))
        let annotation = slice.metadata.annotations[Self.triggerAnnotation]
        if let now, let annotation, annotation != old?.metadata.annotations[Self.triggerAnnotation],
            let trigger = try? MicroTimestamp(json: .string(annotation)).microseconds, trigger <= now
        {
            triggers.append(trigger)
        }
    }

    mutating func removeSlice(_ key: ObjectKey) {
        guard let old = slices.removeValue(forKey: key) else { return }
        unlink(old, key)
        if let service = Self.service(of: old) { stale.insert(.service(service)) }
    }

    /// Takes a slice out of the indices; in that of the pods, not for those of `kept`.
    private mutating func unlink(_ slice: EndpointSlice, _ key: ObjectKey, except kept: Set<String> = []) {
        for uid in Self.pods(of: slice).subtracting(kept) {
            slicesOfPod[uid]?.remove(key)
            if slicesOfPod[uid]?.isEmpty == true { slicesOfPod[uid] = nil }
        }
        guard let service = Self.service(of: slice) else { return }
        slicesOfService[service]?.remove(key)
        if slicesOfService[service]?.isEmpty == true { slicesOfService[service] = nil }
    }

    private static func service(of slice: EndpointSlice) -> ObjectKey? {
        slice.metadata.labels[serviceNameLabel].map { ObjectKey(namespace: slice.metadata.namespace, name: $0) }
    }

    private static func pods(of slice: EndpointSlice) -> Set<String> {
        Set(slice.endpoints.compactMap { $0.targetRef?.uid }.filter { !$0.isEmpty })
    }

    // MARK: Pods

    func isListed(_ uid: String) -> Bool { slicesOfPod[uid] != nil }

    /// Every slice that lists the pod says what the node knows already: that it gets no new connections.
    func isKnownToLeave(_ uid: String) -> Bool {
        (slicesOfPod[uid] ?? []).allSatisfy { key in
            (slices[key]?.endpoints ?? []).allSatisfy { endpoint in
                endpoint.targetRef?.uid != uid || endpoint.conditions.terminating == true
                    || endpoint.conditions.ready == false
            }
        }
    }

    /// From now on the pod's endpoints count as the departure says. One that is gone does not come back.
    mutating func depart(_ uid: String, _ departure: RouteTranslation.Departure) {
        guard departures[uid] != .gone, departures.updateValue(departure, forKey: uid) != departure else { return }
        for key in slicesOfPod[uid] ?? [] {
            if let service = slices[key].flatMap(Self.service) { stale.insert(.service(service)) }
        }
        guard departure == .gone else { return }
        gone.append(uid)
        if gone.count > Self.rememberedPods, let forgotten = gone.firstIndex(where: { !isListed($0) }) {
            departures[gone.remove(at: forgotten)] = nil
        }
    }

    // MARK: Host ports

    /// - Throws: `HostPortConflict`.
    mutating func claim(
        _ uid: String, _ claims: [HostPortClaim], addresses: [IPAddress]
    ) throws(HostPortConflict) {
        for claim in claims {
            for (holder, present) in hostPorts where holder != uid && present.claims.contains(where: claim.overlaps) {
                throw HostPortConflict(port: claim, holder: holder)
            }
        }
        hostPorts[uid] = claims.isEmpty ? nil : HostPorts(claims: claims, addresses: addresses)
        stale.insert(.pod(uid))
    }

    func hasHostPorts(_ uid: String) -> Bool { hostPorts[uid] != nil }

    mutating func releaseHostPorts(_ uid: String) {
        if hostPorts.removeValue(forKey: uid) != nil { stale.insert(.pod(uid)) }
    }

    // MARK: Routes

    /// Translates what has changed since the last call, and says what came of it.
    mutating func takeChanges() -> Changes {
        var changes = Changes()
        for origin in stale {
            let new = translate(origin, &changes.complaints)
            let old = Dictionary((routesOf[origin] ?? []).map { ($0.id, $0) }, uniquingKeysWith: { $1 })
            changes.changed += new.filter { old[$0.id] != $0 }
            changes.removed += Set(old.keys).subtracting(new.map(\.id))
            routesOf[origin] = new.isEmpty ? nil : new
        }
        changes.changed.sort { $0.id < $1.id }
        changes.removed.sort()
        changes.triggers = triggers
        triggers = []
        stale = []
        return changes
    }

    private mutating func translate(_ origin: Origin, _ news: inout [Complaint]) -> [ServiceRoute] {
        switch origin {
        case .pod(let uid):
            return hostPorts[uid].map {
                RouteTranslation.hostPorts(of: uid, $0.claims, addresses: $0.addresses)
            } ?? []
        case .service(let key):
            guard let service = services[key] else {
                complaints[key] = nil
                return []
            }
            let own = (slicesOfService[key] ?? []).compactMap { slices[$0] }
            let result = translation.translate(service, slices: own, departures: departures)
            // Each problem is told once, not with every change of an endpoint.
            let known = complaints.updateValue(result.problems, forKey: key) ?? []
            for problem in Set(result.problems).subtracting(known) {
                news.append(Complaint(service: service.reference, problem: problem))
            }
            return result.routes
        }
    }
}
