import ArgumentParser
import NodeAgent
import Testing

@testable import minikube_lite

@Suite struct PressureFlagsTests {
    private func options(_ words: String...) throws -> PressureOptions { try PressureFlags.parse(words).options }

    @Test func `without a word the defaults count`() throws {
        #expect(try options() == PressureOptions())
    }

    @Test func `the kubelet's syntax`() throws {
        let options = try options(
            "--system-reserved", "cpu=100m,memory=1Gi,pid=1000", "--kube-reserved", "ephemeral-storage=1Gi",
            "--eviction-hard", "memory.available<500Mi,nodefs.available<10%,imagefs.available<0%", "--eviction-soft",
            "memory.available<1Gi", "--eviction-soft-grace-period", "memory.available=1m30s",
            "--eviction-minimum-reclaim", "memory.available=64Mi,nodefs.available=1%",
            "--eviction-pressure-transition-period", "30s", "--eviction-max-pod-grace-period", "60",
            "--housekeeping-interval", "500ms")
        #expect(options.systemReserved == ["cpu": "100m", "memory": "1Gi", "pid": "1000"])
        #expect(options.kubeReserved == ["ephemeral-storage": "1Gi"])
        #expect(
            options.thresholds == [
                EvictionThreshold(.memoryAvailable, .quantity("500Mi"), minimumReclaim: .quantity("64Mi")),
                EvictionThreshold(.nodefsAvailable, .share(0.1), minimumReclaim: .share(0.01)),
                EvictionThreshold(
                    .memoryAvailable, .quantity("1Gi"), gracePeriod: .seconds(90), minimumReclaim: .quantity("64Mi")),
            ])
        #expect(options.transitionPeriod == .seconds(30))
        #expect(options.maxPodGracePeriod == 60)
        #expect(options.monitoringPeriod == .milliseconds(500))
    }

    @Test func `an empty list takes the default away`() throws {
        #expect(try options("--eviction-hard", "", "--system-reserved", "").thresholds.isEmpty)
        #expect(try options("--system-reserved", "").systemReserved.isEmpty)
    }

    @Test(
        arguments: [
            (["--system-reserved", "gpu=1"], "--system-reserved names \"gpu\""),
            (["--kube-reserved", "memory=lots"], "--kube-reserved has memory=lots"),
            (["--kube-reserved", "memory=-1"], "--kube-reserved has memory=-1"),
            (["--system-reserved", "memory"], "--system-reserved has \"memory\", which is not of the form NAME=VALUE"),
            (["--system-reserved", "cpu=1,cpu=2"], "--system-reserved names cpu twice"),
            (["--eviction-hard", "memory<1Gi"], "--eviction-hard names the signal \"memory\""),
            (["--eviction-hard", "memory.available>1Gi"], "which is not of the form NAME<VALUE"),
            (["--eviction-hard", "memory.available<0"], "--eviction-hard has memory.available<0"),
            (["--eviction-hard", "memory.available<101%"], "is not between 0% and 100%"),
            (["--eviction-hard", "memory.available<1Gx"], "neither a quantity"),
            (["--eviction-soft", "memory.available<1Gi"], "needs a period above 0 in --eviction-soft-grace-period"),
            (["--eviction-soft-grace-period", "memory.available=soon"], "which is no duration"),
            (["--eviction-minimum-reclaim", "memory=1"], "--eviction-minimum-reclaim names the signal"),
            (["--eviction-pressure-transition-period", "x"], "--eviction-pressure-transition-period has \"x\""),
            (["--eviction-max-pod-grace-period=-1"], "--eviction-max-pod-grace-period has to be 0 or more"),
            (["--housekeeping-interval", "1ms"], "--housekeeping-interval has to be 100ms or more"),
        ] as [([String], String)])
    func `what cannot be meant is refused with the flag's name`(_ words: [String], _ problem: String) {
        do {
            _ = try PressureFlags.parse(words)
            Issue.record("\(words) was taken")
        } catch {
            #expect(PressureFlags.message(for: error).contains(problem), "\(PressureFlags.message(for: error))")
        }
    }

    @Test func `options survive being words`() throws {
        let flags = try PressureFlags.parse(["--eviction-hard", "", "--eviction-max-pod-grace-period", "7"])
        #expect(try PressureFlags.parse(flags.words).options == flags.options)
    }
}

@Suite struct ForwardingTests {
    @Test func `chains that drop what is forwarded are named`() {
        let text = """
            table ip filter {
            \tchain INPUT {
            \t\ttype filter hook input priority filter; policy drop;
            \t}
            \tchain FORWARD {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            \tchain DOCKER {
            \t}
            }
            table inet other {
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy accept;
            \t}
            }
            table bridge filter {
            \tchain FORWARD {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            }
            """
        #expect(Examination.droppingChains(text, hook: "forward") == ["ip filter FORWARD"])
        #expect(Examination.droppingChains(text, hook: "input") == ["ip filter INPUT"])
        #expect(Examination.droppingChains("", hook: "forward").isEmpty)
    }
}
