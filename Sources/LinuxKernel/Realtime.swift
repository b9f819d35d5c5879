import Glibc

/// CLOCK_REALTIME.
public enum Realtime {
    /// Nanoseconds since 1970.
    public static func nanoseconds() -> Int64 {
        var time = timespec()
        // Cannot fail for this clock.
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
