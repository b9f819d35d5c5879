/// Decides what becomes of a recorded event: a new `Event`, a higher count of one that was written before, or nothing.
/// The rules and figures are client-go's: the same event again counts up; more than ten events within ten minutes
/// that differ only in their message are written as one; and an object gets 25 events at once and then one per five
/// minutes from one source.
struct EventCorrelator {
    struct Record: Sendable {
        var object: ObjectReference
        var type: EventRecorder.EventType
        var reason: String
        var message: String
        var at: MicroTimestamp
    }

    enum Write: Sendable, Hashable {
        case create(Event)
        /// The event's count, message and time are to be written over those of the stored one.
        case count(Event)
    }

    /// What makes two events the same but for their message.
    private struct Group: Hashable {
        var object: ObjectReference
        var type: EventRecorder.EventType
        var reason: String
    }

    private struct Similar {
        var messages: Set<String> = []
        var last: Int64
    }

    private struct Allowance {
        var tokens: Double
        var last: Int64
    }

    private struct Identity: Hashable {
        var group: Group
        var message: String
    }

    private static let groupLimit = 10
    private static let groupWindow: Int64 = 600 * 1_000_000
    private static let burst = 25.0
    private static let microsecondsPerToken = 300.0 * 1_000_000
    /// Entries kept; beyond it those that were quiet for longest are forgotten.
    private static let capacity = 4096

    private let source: EventSource
    private var written: [Identity: Event] = [:]
    private var similar: [Group: Similar] = [:]
    private var allowances: [ObjectReference: Allowance] = [:]
    private var lastName: Int64 = 0

    init(source: EventSource) { self.source = source }

    mutating func take(_ record: Record) -> Write? {
        let now = record.at.microseconds
        var object = record.object
        object.resourceVersion = ""
        var message = record.message
        let group = Group(object: object, type: record.type, reason: record.reason)
        var identity = Identity(group: group, message: message)

        var like = similar[group] ?? Similar(last: now)
        if now - like.last > Self.groupWindow { like.messages = [] }
        like.last = now
        like.messages.insert(message)
        if like.messages.count > Self.groupLimit {
            // The set stays at its limit: the next other message finds it full again.
            like.messages.remove(message)
            message = "(combined from similar events): " + message
            identity.message = "(combined from similar events)"
        }
        similar[group] = like

        let spamKey = Self.spamKey(object)
        var allowance = allowances[spamKey] ?? Allowance(tokens: Self.burst, last: now)
        allowance.tokens = min(
            Self.burst, allowance.tokens + Double(max(now - allowance.last, 0)) / Self.microsecondsPerToken)
        allowance.last = now
        let allowed = allowance.tokens >= 1
        if allowed { allowance.tokens -= 1 }
        allowances[spamKey] = allowance

        var event: Event
        let write: Write
        if let present = written[identity] {
            event = present
            event.count += 1
            event.message = message
            event.lastTimestamp = Timestamp(seconds: RFC3339.floor(now, 1_000_000))
            write = .count(event)
        } else {
            event = newEvent(record, message: message)
            write = .create(event)
        }
        // What is held back is counted all the same, so that the next one that is written tells the truth.
        guard allowed else {
            if written[identity] != nil { written[identity] = event }
            return nil
        }
        written[identity] = event
        forgetOld()
        return write
    }

    /// The allowance is the object's, whatever part of it an event is about.
    private static func spamKey(_ object: ObjectReference) -> ObjectReference {
        var key = object
        key.fieldPath = ""
        return key
    }

    private mutating func newEvent(_ record: Record, message: String) -> Event {
        var event = Event()
        // Nanoseconds in client-go, too; never the same twice, however fast events come.
        lastName = max(lastName + 1, record.at.microseconds * 1000)
        event.metadata.name = "\(record.object.name).\(String(lastName, radix: 16))"
        event.metadata.namespace = record.object.namespace.isEmpty ? "default" : record.object.namespace
        event.involvedObject = record.object
        event.reason = record.reason
        event.message = message
        event.type = record.type.rawValue
        event.source = source
        event.reportingComponent = source.component
        event.reportingInstance = source.host
        let time = Timestamp(seconds: RFC3339.floor(record.at.microseconds, 1_000_000))
        event.firstTimestamp = time
        event.lastTimestamp = time
        event.count = 1
        return event
    }

    /// Drops the older half where there is too much to remember.
    private mutating func forgetOld() {
        if written.count > Self.capacity {
            let times = written.values.compactMap(\.lastTimestamp).sorted()
            let median = times[times.count / 2]
            written = written.filter { ($0.value.lastTimestamp ?? median) > median }
        }
        if similar.count > Self.capacity {
            let median = similar.values.map(\.last).sorted()[similar.count / 2]
            similar = similar.filter { $0.value.last > median }
        }
        if allowances.count > Self.capacity {
            let median = allowances.values.map(\.last).sorted()[allowances.count / 2]
            allowances = allowances.filter { $0.value.last > median }
        }
    }
}
