internal import Glibc

/// Times in nanoseconds.
public enum Clock {
    /// CLOCK_REALTIME: nanoseconds since 1970.
    public static func now() -> Int64 { read(CLOCK_REALTIME) }
    /// CLOCK_MONOTONIC: nanoseconds since some moment of this boot.
    public static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // Cannot fail for these two clocks.
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
