extension CpuStatistics {
    init(_ text: String) {
        let values = parseFlatKeyed(text)
        self.init(
            usageMicroseconds: values["usage_usec"] ?? 0, userMicroseconds: values["user_usec"] ?? 0,
            systemMicroseconds: values["system_usec"] ?? 0, periods: values["nr_periods"] ?? 0,
            throttledPeriods: values["nr_throttled"] ?? 0, throttledMicroseconds: values["throttled_usec"] ?? 0)
    }
}

extension MemoryEvents {
    init(_ text: String) {
        let values = parseFlatKeyed(text)
        self.init(
            low: values["low"] ?? 0, high: values["high"] ?? 0, max: values["max"] ?? 0, oom: values["oom"] ?? 0,
            oomKill: values["oom_kill"] ?? 0, oomGroupKill: values["oom_group_kill"] ?? 0)
    }
}
