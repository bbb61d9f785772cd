package dev.pitot.agent.counters;

import dev.pitot.agent.counters.Refusal.Fix;
import org.jspecify.annotations.Nullable;

/**
 * Whether perf_event_open(2) may be called at all. A seccomp filter answers a system call that it does not allow with an errno or
 * by killing the process, and which of the two cannot be asked beforehand; systemd's {@code SystemCallFilter=} kills. So under a
 * filter the call is made only where nothing can be lost by it: the profiles that container runtimes ship answer with an
 * errno, and allow the call when the container was given {@code CAP_PERFMON} or {@code CAP_SYS_ADMIN}. Without those two
 * such a profile would refuse, so not asking loses nothing, and a profile of somebody's own that kills is not met. See
 * seccomp(2), proc(5) "Seccomp", "Seccomp_filters" and "CapBnd", and ADR 0004.
 *
 * @param status text of {@code /proc/PID/status}, or null when it cannot be read
 * @param firstStatus the same of process 1, which in a container has the runtime's filter and no other
 * @param inContainer whether a known container runtime left its marks
 */
record Seccomp(@Nullable String status, @Nullable String firstStatus, boolean inContainer) {
    private static final String FILTERED = "2";
    private static final String REMEDY =
            "Set counters=perf if the filter allows perf_event_open or answers with an errno";
    private static final Fix FIX =
            Fix.withProfile("in the systemd unit: SystemCallFilter=perf_event_open, and counters=perf for the agent");

    /** Why perf_event_open must not be called, or null when it may. */
    @Nullable
    Refusal objection() {
        if (status == null) {
            return new Refusal(
                    "/proc/self/status cannot be read, so that a seccomp filter may end the JVM rather than refuse",
                    "Mount /proc, or set counters=perf if no filter is in force");
        }
        String mode = Situation.field(status, "Seccomp");
        if (mode.isEmpty() || mode.equals("0")) {
            return null;
        }
        if (!inContainer || !mode.equals(FILTERED)) {
            return new Refusal("A seccomp filter is in force that may end the JVM rather than refuse", REMEDY, FIX);
        }
        if (!isOfTheContainer()) {
            return new Refusal(
                    "A seccomp filter is in force beside the container's, and may end the JVM rather than refuse",
                    REMEDY,
                    FIX);
        }
        // The bounding set: what the container was given, also when its process is not root and holds nothing itself.
        if (!Situation.holdsOne(status, "CapBnd")) {
            return new Refusal(
                    "The container's seccomp filter allows perf_event only with CAP_PERFMON, which the container lacks",
                    "Add CAP_PERFMON to the container, or set counters=perf if its profile allows perf_event_open without",
                    Fix.withCapability(""));
        }
        return null;
    }

    /** Whether process 1 is under as many filters. What is not said, by kernels before 5.9 or by hidepid, counts as one. */
    private boolean isOfTheContainer() {
        if (firstStatus == null) {
            return true;
        }
        return Situation.field(firstStatus, "Seccomp").equals(FILTERED)
                && filters(firstStatus) >= filters(status == null ? "" : status);
    }

    private static int filters(String status) {
        String number = Situation.field(status, "Seccomp_filters");
        return number.isEmpty() ? 1 : Integer.parseInt(number);
    }
}
