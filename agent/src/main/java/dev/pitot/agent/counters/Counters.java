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

    private static final List<PerfEvent> OF_THREAD =
            List.of(PerfEvent.CYCLES, PerfEvent.INSTRUCTIONS, PerfEvent.CACHE_MISSES, PerfEvent.BRANCH_MISSES);

    private final ProcessUsage usage;
    private final @Nullable ThreadCounters threads;
    private final @Nullable ProcessHardware hardware;
    private final int[] placeOf;
    private final double[] deltas = new double[PerfEvent.OF_PROCESS.size()];
    private final String hardwareSource;
    private final boolean evenIfFiltered;
    private final StatusBoard status;
    /** What limits the counters of the process and of threads; only the sampler adds to them after the start. */
    private final List<Refusal> ofHardware;

    private final List<Refusal> ofThreads;
    private boolean starved;
    private boolean hasTold;
    private int toldOfThreads;

    private Counters(
            ProcessUsage usage,
            @Nullable ThreadCounters threads,
            @Nullable ProcessHardware hardware,
            List<PerfEvent> events,
            String hardwareSource,
            List<Refusal> ofHardware,
            List<Refusal> ofThreads,
            boolean evenIfFiltered,
            StatusBoard status) {
        this.usage = usage;
        this.threads = threads;
        this.hardware = hardware;
        this.placeOf = events.stream().mapToInt(PerfEvent.OF_PROCESS::indexOf).toArray();
        this.hardwareSource = hardwareSource;
        this.ofHardware = new ArrayList<>(ofHardware);
        this.ofThreads = new ArrayList<>(ofThreads);
        this.evenIfFiltered = evenIfFiltered;
        this.status = status;
        Arrays.fill(deltas, Double.NaN);
    }

    /**
     * Climbs as high as this machine allows. Never throws for a counter that cannot be had.
     *
     * @param evenIfFiltered open perf events although a seccomp filter may kill the process for it
     */
    public static Counters open(boolean wanted, boolean evenIfFiltered, StatusBoard status) {
        if (!wanted) {
            return withoutNativeCode(new Refusal("Switched off by counters=none", "Set counters=default"), status);
        }
        Refusal noLibrary = Libc.link();
        if (noLibrary != null) {
            return withoutNativeCode(noLibrary, status);
        }
        status.set(SOFTWARE, Entry.ON);
        Refusal objection = Perf.objection();
        if (objection == null && !evenIfFiltered) {
            objection = Seccomp.read().objection();
        }
        return objection != null ? withoutPerf(objection, status) : withPerf(evenIfFiltered, status);
    }

    private static Counters withoutNativeCode(Refusal why, StatusBoard status) {
        ProcessUsage usage = ProcessUsage.withoutNativeCode();
        status.set(HARDWARE, off(why));
        status.set(SOFTWARE, partial(why));
        status.set(THREADS, off(why));
        return new Counters(usage, null, null, List.of(), why.asSource(), List.of(), List.of(), true, status);
    }

    private static Counters withoutPerf(Refusal why, StatusBoard status) {
        status.set(HARDWARE, off(why));
        status.set(THREADS, off(why));
        ProcessUsage usage = new ProcessUsage.FromGetrusage();
        return new Counters(usage, null, null, List.of(), why.asSource(), List.of(), List.of(), true, status);
    }

    private static Counters withPerf(boolean evenIfFiltered, StatusBoard status) {
        FileBudget budget = new FileBudget(Libc.fileLimit());
        Probe probe = Probe.of(PerfEvent.OF_PROCESS);
        List<Refusal> refusals = new ArrayList<>(probe.refusals());
        List<PerfEvent> wanted = new ArrayList<>(OF_THREAD);
        wanted.retainAll(probe.events());
        Fit.Outcome fit = probe.events().isEmpty()
                ? new Fit.Outcome(new Fit.Sets(List.of(), List.of()), true)
                : Fit.find(probe.events(), wanted, Fit.onThisMachine(probe.flags()));
        dropped(probe.events(), fit.sets().process(), fit.exact(), refusals);
        ProcessHardware hardware = null;
        if (!fit.sets().process().isEmpty()) {
            try {
                hardware = ProcessHardware.open(fit.sets().process(), probe.flags(), budget);
            } catch (ProcessHardware.Refused no) {
                refusals.add(no.refusal);
            }
        }
        if (hardware != null) {
            limits(hardware, probe, refusals);
        }
        Refusal why = Refusal.all(refusals);
        String source = hardware != null
                ? probe.userOnly() ? "perf, user only" : "perf"
                : why == null ? "none" : why.asSource();
        status.set(
                HARDWARE,
                hardware == null
                        ? off(why == null ? new Refusal("No hardware counter could be opened", "") : why)
                        : why == null ? Entry.ON : partial(why));
        List<Refusal> ofThreads = new ArrayList<>(probe.refusals());
        dropped(wanted, fit.sets().thread(), fit.exact(), ofThreads);
        ThreadCounters threads = threads(fit.sets().thread(), ofThreads, budget, status);
        return new Counters(
                new ProcessUsage.FromGetrusage(),
                threads,
                hardware,
                hardware == null ? List.of() : fit.sets().process(),
                source,
                refusals,
                ofThreads,
                evenIfFiltered,
                status);
    }

    private static Entry off(Refusal why) {
        return Entry.off(why.reason(), why.remedy());
    }

    private static Entry partial(Refusal why) {
        return Entry.partial(why.reason(), why.remedy());
    }

    /** Says what the CPU has no room for, and whether the rest takes turns. */
    private static void dropped(List<PerfEvent> wanted, List<PerfEvent> kept, boolean exact, List<Refusal> refusals) {
        List<PerfEvent> missing = new ArrayList<>(wanted);
        missing.removeAll(kept);
        String remedy = "Stop other users of the CPU's counters; sysctl kernel.nmi_watchdog=0 frees one";
        if (!missing.isEmpty()) {
            refusals.add(new Refusal(
                    "The CPU has no free counters for "
                            + String.join(
                                    ", ", missing.stream().map(PerfEvent::name).toList()),
                    remedy));
        }
        if (!exact && !kept.isEmpty()) {
            refusals.add(new Refusal("The counters take turns on this CPU, so that values are scaled", remedy));
        }
    }

    private static void limits(ProcessHardware hardware, Probe probe, List<Refusal> refusals) {
        if (probe.userOnly()) {
            refusals.add(new Refusal(
                    "Only the user side is counted, as perf_event may not watch the kernel here",
                    "Run sysctl kernel.perf_event_paranoid=1, or give the process CAP_PERFMON"));
        }
        if (hardware.withChildren) {
            refusals.add(
                    new Refusal("This kernel can only count child processes too", "Linux 5.13 and newer need not"));
        }
        if (hardware.unsettled) {
            refusals.add(
                    new Refusal("Threads kept starting while the counters were opened; a few may not be counted", ""));
        }
    }

    private static @Nullable ThreadCounters threads(
            List<PerfEvent> hardware, List<Refusal> refusals, FileBudget budget, StatusBoard status) {
        List<PerfEvent> wanted = new ArrayList<>(hardware);
        wanted.add(PerfEvent.PAGE_FAULTS);
        wanted.add(PerfEvent.CONTEXT_SWITCHES);
        Probe probe = Probe.of(wanted);
        refusals.addAll(probe.refusals());
        Refusal why = Refusal.all(refusals);
        if (probe.events().isEmpty()) {
            status.set(THREADS, off(why == null ? new Refusal("No event could be opened", "") : why));
            return null;
        }
        status.set(THREADS, why == null ? Entry.ON : partial(why));
        return new ThreadCounters(probe.events(), probe.userOnly(), budget);
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
            if (!starved && hardware.running == 0) {
                starved = true;
                ofHardware.add(new Refusal(
                        "In some seconds no hardware counter ran, as others took all of the CPU's",
                        "Stop other profilers on this machine"));
                tell(HARDWARE, ofHardware);
            }
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

    /** Gives back what ended threads held; called once a second on the sampler thread. */
    public void tidy() {
        if (threads == null) {
            return;
        }
        threads.closeOfEndedThreads();
        Seccomp now = evenIfFiltered || hasTold ? null : Seccomp.read();
        // Unreadable for once, for want of a file descriptor, say: that was no objection at the start.
        Refusal filtered = now == null || now.status() == null ? null : now.objection();
        if (filtered != null) {
            // The application put itself under a filter after the start, as some do: what is open may be read on.
            hasTold = true;
            threads.openNoMore(filtered);
        }
        List<Refusal> met = threads.refusals();
        if (met.size() > toldOfThreads) {
            ofThreads.addAll(met.subList(toldOfThreads, met.size()));
            toldOfThreads = met.size();
            tell(THREADS, ofThreads);
        }
    }

    private void tell(String part, List<Refusal> refusals) {
        Refusal why = Refusal.all(refusals);
        if (why != null) {
            status.set(part, partial(why));
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
