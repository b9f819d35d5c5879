import Metrics
import NIOCore

/// What dashboards made for CoreDNS look at: how many responses there were, by code, and how long they took.
struct ResponderMetrics: Sendable {
    private static let codes: [ResponseCode] = [
        .noError, .formatError, .serverFailure, .nameError, .notImplemented, .refused,
    ]

    /// By code; the last one is for all others.
    private let responses: [Counter]
    private let duration = Metrics.Timer(label: "coredns_dns_request_duration_seconds")

    init() {
        responses = (Self.codes.map(\.name) + ["OTHER"]).map {
            Counter(label: "coredns_dns_responses_total", dimensions: [("rcode", $0)])
        }
    }

    func record(_ code: ResponseCode, since start: NIODeadline) {
        responses[min(Int(code.rawValue), Self.codes.count)].increment()
        duration.recordNanoseconds((NIODeadline.now() - start).nanoseconds)
    }
}
