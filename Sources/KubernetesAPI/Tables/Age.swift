/// Times as `kubectl get` shows them: `45s`, `7m30s`, `3h`, `5d4h`, `2y13d`.
public enum Age {
    /// How long ago something was; `<unknown>` where the time is not known.
    public static func text(since time: Timestamp?, now: Timestamp) -> String {
        time.map { text(seconds: now.seconds - $0.seconds) } ?? "<unknown>"
    }

    /// A duration with at most two units, the smaller one only where it matters (apimachinery
    /// `duration.HumanDuration`). A clock that is a little behind shows 0s, one far behind `<invalid>`.
    public static func text(seconds: Int64) -> String {
        func two(_ first: Int64, _ unit: String, _ second: Int64, _ smaller: String) -> String {
            second == 0 ? "\(first)\(unit)" : "\(first)\(unit)\(second)\(smaller)"
        }
        if seconds < -1 { return "<invalid>" }
        if seconds < 0 { return "0s" }
        if seconds < 120 { return "\(seconds)s" }
        let minutes = seconds / 60
        if minutes < 10 { return two(minutes, "m", seconds % 60, "s") }
        if minutes < 180 { return "\(minutes)m" }
        let hours = minutes / 60
        if hours < 8 { return two(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        let days = hours / 24
        if days < 8 { return two(days, "d", hours % 24, "h") }
        if days < 365 * 2 { return "\(days)d" }
        if days < 365 * 8 { return two(days / 365, "y", days % 365, "d") }
        return "\(days / 365)y"
    }
}
