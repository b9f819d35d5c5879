extension CadvisorMetrics {
    typealias Metric = PrometheusText.Metric

    // MARK: Machine

    static let version = Metric.gauge("cadvisor_version_info", "Always 1; the labels name versions.")
    static let machineCPUs = Metric.gauge("machine_cpu_cores", "Logical CPUs of the machine.")
    static let machineMemory = Metric.gauge("machine_memory_bytes", "Memory of the machine in bytes.")
    static let machineSwap = Metric.gauge("machine_swap_bytes", "Swap space of the machine in bytes.")
    static let scrapeError = Metric.gauge(
        "container_scrape_error", "1 where a container could not be measured, else 0.")

    // MARK: Time

    static let lastSeen = Metric.gauge(
        "container_last_seen", "When the container was last measured, in seconds since 1970.")
    static let start = Metric.gauge(
        "container_start_time_seconds", "When the container started, in seconds since 1970.")

    // MARK: CPU

    static let cpuUsage = Metric.counter(
        "container_cpu_usage_seconds_total", "CPU time used, in seconds.")
    static let cpuUser = Metric.counter(
        "container_cpu_user_seconds_total", "CPU time used in user mode, in seconds.")
    static let cpuSystem = Metric.counter(
        "container_cpu_system_seconds_total", "CPU time used in the kernel, in seconds.")
    static let periods = Metric.counter(
        "container_cpu_cfs_periods_total", "Periods of the quota with something to run.")
    static let throttledPeriods = Metric.counter(
        "container_cpu_cfs_throttled_periods_total", "Periods in which the quota was used up.")
    static let throttled = Metric.counter(
        "container_cpu_cfs_throttled_seconds_total", "Time held back by the quota, summed over CPUs, in seconds.")
    static let burstPeriods = Metric.counter(
        "container_cpu_cfs_burst_periods_total", "Periods that used saved quota.")
    static let burst = Metric.counter(
        "container_cpu_cfs_burst_seconds_total", "CPU time used out of saved quota, in seconds.")

    // MARK: Memory

    static let memoryUsage = Metric.gauge(
        "container_memory_usage_bytes", "Memory charged, page cache included (memory.current).")
    static let workingSet = Metric.gauge(
        "container_memory_working_set_bytes", "Memory charged without the inactive page cache.")
    static let rss = Metric.gauge("container_memory_rss", "Anonymous memory in bytes.")
    static let cache = Metric.gauge("container_memory_cache", "Page cache in bytes, tmpfs included.")
    static let mapped = Metric.gauge("container_memory_mapped_file", "Mapped files in bytes.")
    static let kernel = Metric.gauge(
        "container_memory_kernel_usage", "Slab and kernel stacks in bytes.")
    static let activeFile = Metric.gauge(
        "container_memory_total_active_file_bytes", "Page cache in recent use, in bytes.")
    static let inactiveFile = Metric.gauge(
        "container_memory_total_inactive_file_bytes", "Page cache that would go first, in bytes.")
    static let swap = Metric.gauge("container_memory_swap", "Swap in use, in bytes.")
    static let maxUsage = Metric.gauge(
        "container_memory_max_usage_bytes", "The most memory that was ever charged (memory.peak).")
    static let failcnt = Metric.counter(
        "container_memory_failcnt", "Times that usage was about to go over memory.max.")
    static let failures = Metric.counter(
        "container_memory_failures_total", "Page faults, by type and scope.")
    static let oomEvents = Metric.counter(
        "container_oom_events_total", "Processes that the OOM killer has ended.")

    // MARK: Processes

    static let processes = Metric.gauge("container_processes", "Processes.")
    static let threads = Metric.gauge("container_threads", "Processes and threads (pids.current).")
    static let threadsMax = Metric.gauge(
        "container_threads_max", "How many processes and threads there may be; 0 is no limit.")

    // MARK: Disks

    static let readBytes = Metric.counter("container_fs_reads_bytes_total", "Bytes read from devices.")
    static let reads = Metric.counter("container_fs_reads_total", "Reads from devices.")
    static let writeBytes = Metric.counter("container_fs_writes_bytes_total", "Bytes written to devices.")
    static let writes = Metric.counter("container_fs_writes_total", "Writes to devices.")
    static let diskUsage = Metric.gauge(
        "container_fs_usage_bytes", "What writable layer and logs take on the disk, in bytes.")
    static let diskLimit = Metric.gauge(
        "container_fs_limit_bytes", "The size of the file system that they are on, in bytes.")

    // MARK: Pressure

    static let cpuWaiting = Metric.counter(
        "container_pressure_cpu_waiting_seconds_total", "Time in which at least one task waited for a CPU.")
    static let cpuStalled = Metric.counter(
        "container_pressure_cpu_stalled_seconds_total", "Time in which all tasks waited for a CPU.")
    static let memoryWaiting = Metric.counter(
        "container_pressure_memory_waiting_seconds_total", "Time in which at least one task waited for memory.")
    static let memoryStalled = Metric.counter(
        "container_pressure_memory_stalled_seconds_total", "Time in which all tasks waited for memory.")
    static let ioWaiting = Metric.counter(
        "container_pressure_io_waiting_seconds_total", "Time in which at least one task waited for a disk.")
    static let ioStalled = Metric.counter(
        "container_pressure_io_stalled_seconds_total", "Time in which all tasks waited for a disk.")

    // MARK: Limits

    static let specPeriod = Metric.gauge(
        "container_spec_cpu_period", "The period of the quota in microseconds.")
    static let specQuota = Metric.gauge(
        "container_spec_cpu_quota", "CPU time in each period, in microseconds.")
    static let specShares = Metric.gauge(
        "container_spec_cpu_shares", "cpu.weight on the scale of cgroup v1's cpu.shares.")
    static let specMemory = Metric.gauge(
        "container_spec_memory_limit_bytes", "memory.max; 0 is no limit.")
    static let specSwap = Metric.gauge(
        "container_spec_memory_swap_limit_bytes", "memory.swap.max; 0 is no limit, or no swap.")
    static let specReservation = Metric.gauge(
        "container_spec_memory_reservation_limit_bytes", "Memory that is protected from reclaim; 0 is none.")

    // MARK: Network

    static let receiveBytes = Metric.counter("container_network_receive_bytes_total", "Bytes received.")
    static let receivePackets = Metric.counter(
        "container_network_receive_packets_total", "Packets received.")
    static let receiveErrors = Metric.counter(
        "container_network_receive_errors_total", "Errors while receiving.")
    static let receiveDropped = Metric.counter(
        "container_network_receive_packets_dropped_total", "Packets dropped while receiving.")
    static let transmitBytes = Metric.counter("container_network_transmit_bytes_total", "Bytes sent.")
    static let transmitPackets = Metric.counter(
        "container_network_transmit_packets_total", "Packets sent.")
    static let transmitErrors = Metric.counter(
        "container_network_transmit_errors_total", "Errors while sending.")
    static let transmitDropped = Metric.counter(
        "container_network_transmit_packets_dropped_total", "Packets dropped while sending.")
}
