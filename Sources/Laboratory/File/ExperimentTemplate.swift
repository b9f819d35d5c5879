/// A file to begin an experiment from. All but the first are those of `examples/experiments`, which a test compares.
public struct ExperimentTemplate: Sendable {
    public let name: String
    /// What it finds out.
    public let summary: String
    let text: String

    /// The file of an experiment of another name.
    public func file(name: String) -> String { text.replacing("\n  name: \(self.name)\n", with: "\n  name: \(name)\n") }

    public static let starter = all[0]

    public static let all = [
        ExperimentTemplate(
            name: "starter", summary: "every field, with comments; begin here",
            text: #"""
                # An experiment: which limit, which values, which workload, and what to look at. docs/experiments.md has every field.
                apiVersion: minikube-lite/v1alpha1
                kind: Experiment
                metadata:
                  # Results go to experiments/NAME; the pods run in the namespace experiment-NAME, which is removed afterwards.
                  name: starter
                spec:
                  # The report's headline.
                  question: How much memory does my program need?

                  # The workload: a pod's template as anywhere else. templateFile: FILE takes it from a manifest. The first container is
                  # the one that is measured and limited (container: NAME for another one).
                  template:
                    spec:
                      containers:
                      - name: program
                        image: workload
                        args: [allocate, "$(SIZE)", --hold, "1"]
                        # env: an experiment can vary variables as well, and $(NAME) puts them into the arguments

                  # What to vary. With several factors, every combination is tried.
                  vary:
                  - knob: memory.max
                    # One of:
                    #   values: [32Mi, 64Mi, max]                  (none: leave it as it is)
                    #   range: {from: 32Mi, to: 128Mi, step: 16Mi}
                    #   logRange: {from: 16Mi, to: 1Gi, steps: 7}
                    bisect:
                      from: 16Mi
                      to: 128Mi
                      tolerance: 2Mi # or 5%
                      for: outcome == completed # or e.g. latency_p99_ms <= 20 and outcome == completed
                      holds: all # of the repeats; or most
                  # Also: container: NAME, pod: true (the pod's own cgroup), neighbour: NAME (a pod below)
                  - env: SIZE
                    values: [24, 48]

                  repeat: 2
                  # seed: 1            the same order of trials each time
                  # duration: 10s      for a workload that does not end by itself: stop it after so long, and count it as completed
                  # warmup: 1s         what is measured in the first second does not count
                  timeout: 60s #       a trial that takes longer is recorded as timed out
                  interval: 100ms #    between two samples

                  # Other pods that run during each trial:
                  # neighbours:
                  # - name: noisy
                  #   template: {spec: {containers: [{name: spin, image: workload, args: [spin]}]}}

                  # What makes the workload work; the trial ends with it. In a container of the pod, or on this machine:
                  # load:
                  #   container: {image: workload, args: [load, 127.0.0.1]}
                  #   command: [curl, "http://$(POD_IP):8080/"]

                  # What to look at, the most important first. The cgroup's own measures are always there: wall_time, cpu_time, cpu_usage,
                  # cpu_throttled_time, cpu_throttled_periods, memory.peak, oom_kills, cpu_pressure, ...
                  measure:
                  - memory.peak
                  # What a program prints as key=value, by itself or in a line:
                  - {printed: elapsed_s, unit: s, better: lower} # from: CONTAINER, NEIGHBOUR or load; take: last, mean, min or max

                """#),
        ExperimentTemplate(
            name: "memory-floor", summary: "the smallest memory limit at which a program survives",
            text: #"""
                # The smallest memory limit at which a program survives.
                #
                #   minikube-lite experiment run examples/experiments/memory-floor.yaml
                #
                # The program touches 48 MiB and holds them for a second. The answer should be little more than that: what a process
                # needs besides (its own pages, page tables, the kernel's share) counts as well.
                apiVersion: minikube-lite/v1alpha1
                kind: Experiment
                metadata:
                  name: memory-floor
                spec:
                  question: What is the smallest memory limit at which the program survives?
                  template:
                    spec:
                      containers:
                      - name: program
                        image: workload
                        args: [allocate, "48", --hold, "1"]
                  vary:
                  - knob: memory.max
                    bisect:
                      from: 16Mi
                      to: 128Mi
                      tolerance: 1Mi
                      for: outcome == completed
                      confirm: 2
                  repeat: 2
                  timeout: 60s
                  interval: 50ms
                  measure: [memory.peak, wall_time]

                """#),
        ExperimentTemplate(
            name: "latency-quota", summary: "latency of an HTTP server against its CPU quota",
            text: #"""
                # The latency of an HTTP server against its CPU quota.
                #
                #   minikube-lite experiment run examples/experiments/latency-quota.yaml
                #
                # Each request costs 5 ms of CPU time. The load comes from a second container of the pod: two connections, each of which
                # sends a request as soon as it has the answer to the one before. A quota below what they ask for makes requests wait for
                # the next period of 100 ms, which the 99th percentile shows first.
                apiVersion: minikube-lite/v1alpha1
                kind: Experiment
                metadata:
                  name: latency-quota
                spec:
                  question: How does the CPU quota of an HTTP server change the latency of its answers?
                  template:
                    spec:
                      containers:
                      - name: server
                        image: workload
                        args: [serve, --work, "5000"]
                        ports:
                        - containerPort: 8080
                        resources:
                          requests: {cpu: 100m}
                  load:
                    container:
                      image: workload
                      args: [load, 127.0.0.1, --connections, "2", --seconds, "6", --warmup, "1"]
                      resources:
                        requests: {cpu: 100m}
                  vary:
                  - knob: cpu.max
                    values: [100m, 200m, 300m, 500m, 750m, 1, max]
                  repeat: 3
                  timeout: 60s
                  warmup: 1s
                  measure:
                  - {printed: latency_p99_ms, from: load, unit: ms, better: lower, target: 50}
                  - {printed: latency_p50_ms, from: load, unit: ms, better: lower}
                  - {printed: throughput_rps, from: load, unit: 1/s, better: higher}
                  - cpu_throttled_periods
                  - cpu_usage

                """#),
        ExperimentTemplate(
            name: "noisy-neighbour", summary: "a noisy neighbour, with and without cpu.weight",
            text: #"""
                # A noisy neighbour, with and without cpu.weight.
                #
                #   minikube-lite experiment run examples/experiments/noisy-neighbour.yaml
                #
                # Two pods are pinned to the first CPU. The neighbour computes in two threads, or (0) does nothing; the measured program
                # has the neighbour's weight, or a hundred times as much. A weight counts among the cgroups of one level, and the pods'
                # cgroups are what stands beside each other: so it is the pod's, not the container's.
                apiVersion: minikube-lite/v1alpha1
                kind: Experiment
                metadata:
                  name: noisy-neighbour
                spec:
                  question: How much does a noisy neighbour cost, with and without cpu.weight?
                  template:
                    metadata:
                      annotations:
                        cgroup.minikube-lite/cpuset.cpus: "0"
                    spec:
                      containers:
                      - name: program
                        image: workload
                        args: [spin]
                  neighbours:
                  - name: noisy
                    template:
                      metadata:
                        annotations:
                          cgroup.minikube-lite/cpuset.cpus: "0"
                          cgroup.minikube-lite/cpu.weight: "10"
                      spec:
                        containers:
                        - name: spin
                          image: workload
                          args: [spin, --threads, $(THREADS)]
                  vary:
                  - name: weight of the program
                    knob: cpu.weight
                    pod: true
                    values: [10, 1000]
                    scale: category
                  - name: threads of the neighbour
                    neighbour: noisy
                    env: THREADS
                    values: [0, 2]
                    baseline: 0
                    scale: category
                  repeat: 3
                  duration: 6s
                  warmup: 1s
                  measure:
                  - {printed: operations_per_s, take: mean, unit: 1/s, better: higher}
                  - cpu_usage
                  - cpu_pressure

                """#),
    ]
}
