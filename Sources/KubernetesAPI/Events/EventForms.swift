/// Events are stored in the core group's form; `events.k8s.io/v1` has the same facts under other names
/// (`pkg/apis/events/v1/conversion.go`).
extension EventsEvent: StoredForm {
    public init(of stored: Event) {
        self.init()
        metadata = stored.metadata
        eventTime = stored.eventTime
        series = stored.series.map { series in
            var other = EventsEventSeries()
            other.count = series.count
            other.lastObservedTime = series.lastObservedTime
            return other
        }
        reportingController = stored.reportingComponent
        reportingInstance = stored.reportingInstance
        action = stored.action
        reason = stored.reason
        regarding = stored.involvedObject
        related = stored.related
        note = stored.message
        type = stored.type
        deprecatedSource = stored.source
        deprecatedFirstTimestamp = stored.firstTimestamp
        deprecatedLastTimestamp = stored.lastTimestamp
        deprecatedCount = stored.count
    }

    public var stored: Event {
        var event = Event()
        event.metadata = metadata
        event.eventTime = eventTime
        event.series = series.map { series in
            var other = EventSeries()
            other.count = series.count
            other.lastObservedTime = series.lastObservedTime
            return other
        }
        event.reportingComponent = reportingController
        event.reportingInstance = reportingInstance
        event.action = action
        event.reason = reason
        event.involvedObject = regarding
        event.related = related
        event.message = note
        event.type = type
        event.source = deprecatedSource
        event.firstTimestamp = deprecatedFirstTimestamp
        event.lastTimestamp = deprecatedLastTimestamp
        event.count = deprecatedCount
        return event
    }
}
