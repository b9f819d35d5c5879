import KubernetesAPI

/// What a probe's runner tells the pod's worker.
enum ProbeReport: Sendable, Hashable {
    /// The probe's result is another one now: as many tries in a row as its threshold says agree.
    case result(Bool)
    /// One try failed; the message of the event.
    case failed(String)
    /// One try was not possible, and is not counted.
    case errored(String)
    /// One try succeeded with something to tell.
    case warning(String)
}

/// Runs one probe of one attempt of a container, for as long as its task is not cancelled (kubelet: `prober/worker.go`).
///
/// With one addition of ours (ADR on quick retries): before the first success, a readiness probe whose connection is
/// refused is tried again after 5, 10, 20, ... ms, up to the period, so that a pod is ready when it listens and not up
/// to a period later. Such a try is neither counted nor reported, unless nothing else happened for a whole period.
struct ProbeRunner: Sendable {
    static let firstQuickRetry = Duration.milliseconds(5)

    let kind: ProbeKind
    let probe: Probe
    /// When the container's process was started; nanoseconds since 1970.
    let startedAt: Int64
    let time: TimeSource
    let check: @Sendable () async -> ProbeOutcome

    private var period: Duration { .seconds(Int64(max(probe.periodSeconds, 1))) }

    /// Probes until the task is cancelled, or until nothing more is to be known: a startup probe has succeeded, or the
    /// container will be ended because of this probe.
    func run(_ report: @escaping @Sendable (ProbeReport) -> Void) async {
        let age = time.preciseNow.microseconds * 1000 - startedAt
        let delay = Int64(probe.initialDelaySeconds) * 1_000_000_000 - age
        if delay > 0 {
            do { try await time.sleep(for: .nanoseconds(delay)) } catch { return }
        }
        var streak = 0
        var last: Bool?
        var result: Bool?
        var quickRetry: Duration? = kind == .readiness ? Self.firstQuickRetry : nil
        var sinceCounted = time.stopwatch()
        while !Task.isCancelled {
            let began = time.stopwatch()
            let outcome = await check()
            if Task.isCancelled { return }
            if outcome.isSuccess { quickRetry = nil }
            if case .failure(_, isRefused: true) = outcome, let retry = quickRetry, sinceCounted() < period {
                quickRetry = min(retry * 2, period)
                do { try await time.sleep(for: min(retry, max(period - sinceCounted(), .zero))) } catch { return }
                continue
            }
            sinceCounted = time.stopwatch()
            if case .unknown(let message) = outcome {
                report(.errored(message))
                do { try await time.sleep(for: max(period - began(), .zero)) } catch { return }
                continue
            }
            switch outcome {
            case .success(let warning?): report(.warning(warning))
            case .failure(let message, _): report(.failed(message))
            case .success(nil), .unknown: break
            }
            streak = last == outcome.isSuccess ? streak + 1 : 1
            last = outcome.isSuccess
            let threshold = outcome.isSuccess ? probe.successThreshold : probe.failureThreshold
            if streak >= max(threshold, 1), result != outcome.isSuccess {
                result = outcome.isSuccess
                report(.result(outcome.isSuccess))
                if kind == .startup || (kind == .liveness && !outcome.isSuccess) { return }
            }
            do { try await time.sleep(for: max(period - began(), .zero)) } catch { return }
        }
    }
}
