package dev.pitot.agent.counters;

import dev.pitot.agent.status.StatusBoard;
import dev.pitot.agent.status.StatusBoard.Entry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ladder, climbed once at the start: hardware, user-only hardware, getrusage, procfs, what Java knows. Says on the status
 * board how far it got and why no further. Opened on the starter thread; {@link #sampleHardware} and what it sets belong to
 * the sampler thread.
 */
public final class Counters {
    private static final String HARDWARE = "hardware counters";
    private static final String SOFTWARE = "software counters";
    private static final String THREADS = "thread counters";

    private final ProcessUsage usage;
    private final @Nullable ThreadCounters threads;
    private final @Nullable ProcessHardware hardware;
    private final int[] placeOf;
    private final double[] deltas = new double[PerfEvent.OF_PROCESS.size()];
    private final String hardwareSource;
    private final StatusBoard status;
    private @Nullable Refusal reported;

    private Counters(
            ProcessUsage usage,
            @Nullable ThreadCounters threads,
            @Nullable ProcessHardware hardware,
            List<PerfEvent> events,
            String hardwareSource,
            StatusBoard status) {
        this.usage = usage;
        this.threads = threads;
        this.hardware = hardware;
        this.placeOf = events.stream().mapToInt(PerfEvent.OF_PROCESS::indexOf).toArray();
        this.hardwareSource = hardwareSource;
        this.status = status;
        Arrays.fill(deltas, Double.NaN);
    }

    /** Climbs as high as this machine allows. Never throws for a counter that cannot be had. */
    public static Counters open(boolean wanted, StatusBoard status) {
        if (!wanted) {
            return withoutNativeCode(new Refusal("Switched off by counters=none", "Set counters=default"), status);
        }
        Refusal noLibrary = Libc.link();
        return noLibrary != null ? withoutNativeCode(noLibrary, status) : withNativeCode(status);
    }

    private static Counters withoutNativeCode(Refusal why, StatusBoard status) {
        ProcessUsage usage = ProcessUsage.withoutNativeCode();
        status.set(HARDWARE, Entry.off(why.reason(), why.remedy()));
        status.set(SOFTWARE, Entry.partial(why.reason(), why.remedy()));
        status.set(THREADS, Entry.off(why.reason(), why.remedy()));
        return new Counters(usage, null, null, List.of(), why.asSource(), status);
    }

    private static Counters withNativeCode(StatusBoard status) {
        status.set(SOFTWARE, Entry.ON);
        FileBudget budget = new FileBudget(Libc.fileLimit());
        Probe probe = Probe.of(PerfEvent.OF_PROCESS);
        ProcessHardware hardware = null;
        Refusal refusal = probe.refusal();
        if (!probe.events().isEmpty()) {
            try {
                hardware = ProcessHardware.open(probe.events(), probe.flags(), budget);
            } catch (ProcessHardware.Refused no) {
                refusal = no.refusal;
            }
        }
        String source = hardware == null
                ? (refusal == null ? "none" : refusal.asSource())
                : probe.userOnly() ? "perf, user only" : "perf";
        status.set(HARDWARE, entry(hardware, probe, refusal));
        return new Counters(
                new ProcessUsage.FromGetrusage(),
                threads(probe, budget, status),
                hardware,
                hardware == null ? List.of() : probe.events(),
                source,
                status);
    }

    private static Entry entry(@Nullable ProcessHardware hardware, Probe probe, @Nullable Refusal refusal) {
        if (hardware == null) {
            Refusal why = refusal == null ? new Refusal("No hardware counter could be opened", "") : refusal;
            return Entry.off(why.reason(), why.remedy());
        }
        if (probe.userOnly()) {
            return Entry.partial(
                    "Only the user side is counted, as perf_event may not watch the kernel here",
                    "Run sysctl kernel.perf_event_paranoid=1, or give the process CAP_PERFMON");
        }
        if (refusal != null) {
            return Entry.partial(refusal.reason(), refusal.remedy());
        }
        if (hardware.withChildren) {
            return Entry.partial("This kernel can only count child processes too", "Linux 5.13 and newer need not");
        }
        if (hardware.unsettled) {
            return Entry.partial("Threads kept starting while the counters were opened; a few may not be counted", "");
        }
        return Entry.ON;
    }

    private static @Nullable ThreadCounters threads(Probe ofProcess, FileBudget budget, StatusBoard status) {
        List<PerfEvent> wanted = new ArrayList<>();
        for (PerfEvent event :
                List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS, PerfEvent.CACHE_MISSES, PerfEvent.BRANCH_MISSES)) {
            if (ofProcess.events().contains(event)) {
                wanted.add(event);
            }
        }
        wanted.add(PerfEvent.PAGE_FAULTS);
        wanted.add(PerfEvent.CONTEXT_SWITCHES);
        Probe probe = Probe.of(wanted);
        if (probe.events().isEmpty()) {
            Refusal why = probe.refusal() == null ? new Refusal("No event could be opened", "") : probe.refusal();
            status.set(THREADS, Entry.off(why.reason(), why.remedy()));
            return null;
        }
        Refusal missing = probe.refusal() == null ? ofProcess.refusal() : probe.refusal();
        status.set(THREADS, missing == null ? Entry.ON : Entry.partial(missing.reason(), missing.remedy()));
        return new ThreadCounters(probe.events(), probe.flags(), budget);
    }

    public ProcessUsage usage() {
        return usage;
    }

    /** Counters of single threads, or null when there are none here. */
    public @Nullable ThreadCounters threads() {
        return threads;
    }

    /** {@code perf}, {@code perf, user only}, or {@code none: } and why. */
    public String hardwareSource() {
        return hardwareSource;
    }

    /**
     * What the process did since the previous call: cycles, instructions, cache references, cache misses, branches and branch
     * misses, NaN where not counted. The array is reused.
     */
    public double[] sampleHardware() {
        if (hardware != null) {
            hardware.sample();
            for (int i = 0; i < placeOf.length; i++) {
                deltas[placeOf[i]] = hardware.deltas[i];
            }
        }
        return deltas;
    }

    /** Part of the time since the previous sample in which the hardware counters ran; NaN when there are none. */
    public double hardwareRunning() {
        return hardware == null ? Double.NaN : hardware.running;
    }

    /** Gives back what ended threads held; the sampler calls it once a second. */
    public void tidy() {
        if (threads != null) {
            threads.closeOfEndedThreads();
            Refusal refusal = threads.refusal();
            if (refusal != null && !refusal.equals(reported)) {
                reported = refusal;
                status.set(THREADS, Entry.partial(refusal.reason(), refusal.remedy()));
            }
        }
    }

    /** Closes everything; no sample may follow. */
    public void close() {
        if (threads != null) {
            threads.close();
        }
        if (hardware != null) {
            hardware.close();
        }
    }
}
