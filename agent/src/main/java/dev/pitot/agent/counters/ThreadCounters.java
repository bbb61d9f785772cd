package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Counters of single threads, opened by each thread on itself when it serves its first request and closed within a second or
 * so of its end. {@link #openForThisThread} may be called by any platform thread, {@link #closeOfEndedThreads} by the
 * sampler, {@link #close} by any thread.
 */
public final class ThreadCounters {
    /** Places in the result of {@link Span#end}. */
    public static final int CONTEXT_SWITCHES = 0;

    public static final int PAGE_FAULTS = 1;
    public static final int CYCLES = 2;
    public static final int INSTRUCTIONS = 3;
    public static final int CACHE_MISSES = 4;
    public static final int BRANCH_MISSES = 5;
    public static final int PLACES = 6;

    private static final List<PerfEvent> PLACE = List.of(
            PerfEvent.CONTEXT_SWITCHES,
            PerfEvent.PAGE_FAULTS,
            PerfEvent.CYCLES,
            PerfEvent.INSTRUCTIONS,
            PerfEvent.CACHE_MISSES,
            PerfEvent.BRANCH_MISSES);

    private final long flags;
    private final boolean userOnly;
    private final FileBudget budget;
    private final List<Span> open = new ArrayList<>();
    /** What each thread gets; grows shorter when a kernel turns out to refuse some of it. */
    private volatile List<PerfEvent> events;

    private boolean closed;
    private final List<Refusal> refusals = new ArrayList<>();

    ThreadCounters(List<PerfEvent> events, boolean userOnly, FileBudget budget) {
        this.events = List.copyOf(events);
        this.userOnly = userOnly;
        this.flags = userOnly ? Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR : 0;
        this.budget = budget;
    }

    /**
     * Opens the group of the calling platform thread; null when there is no room or the kernel refuses. Each call opens one:
     * the caller remembers which thread has its group, and not in a thread-local alone, as thread pools may erase those.
     */
    public @Nullable Span openForThisThread() {
        List<PerfEvent> wanted = events;
        while (!wanted.isEmpty()) {
            if (!budget.reserve(wanted.size())) {
                refuse(new Refusal(
                        "Some threads have no counters, as those of others use up the file descriptors that may be used",
                        "Raise the limit of open files (ulimit -n)"));
                return null;
            }
            try {
                return register(CounterGroup.open(wanted, 0, flags, true), wanted);
            } catch (CounterGroup.CannotOpen no) {
                budget.release(wanted.size());
                List<PerfEvent> fewer = fewer(wanted, no);
                Refusal why = Perf.explain(no.event, no.errno);
                refuse(new Refusal(
                        (fewer.isEmpty() ? "Some threads have no counters: " : "Threads have fewer counters: ")
                                + why.reason(),
                        why.remedy()));
                if (fewer.isEmpty()) {
                    return null;
                }
                wanted = fewer;
                events = fewer;
            }
        }
        return null;
    }

    private @Nullable Span register(CounterGroup group, List<PerfEvent> counted) {
        Span span = new Span(Thread.currentThread(), group, counted, userOnly);
        synchronized (open) {
            if (!closed) {
                open.add(span);
                return span;
            }
        }
        closeNow(span);
        return null;
    }

    /** What to try after a refusal: without the event that it names, in the end the software events alone, else nothing. */
    static List<PerfEvent> fewer(List<PerfEvent> wanted, CounterGroup.CannotOpen no) {
        if (no.errno == Perf.EMFILE || no.errno == Perf.ENFILE) {
            return List.of(); // For this thread and now; it says nothing of the events.
        }
        List<PerfEvent> fewer = new ArrayList<>(wanted);
        if (no.event.type() == PerfEvent.SOFTWARE && wanted.get(0).type() != PerfEvent.SOFTWARE) {
            fewer.removeIf(event -> event.type() != PerfEvent.SOFTWARE);
        } else {
            fewer.remove(no.event);
        }
        return List.copyOf(fewer);
    }

    /** From now on no thread is given counters; those that have them keep them. */
    void openNoMore(Refusal why) {
        events = List.of();
        refuse(why);
    }

    private void refuse(Refusal why) {
        synchronized (open) {
            if (!refusals.contains(why)) {
                refusals.add(why);
            }
        }
    }

    /** Why threads could not be given all counters, in the order met; empty when they could. */
    List<Refusal> refusals() {
        synchronized (open) {
            return List.copyOf(refusals);
        }
    }

    /** Gives back the descriptors of threads that have ended. */
    public void closeOfEndedThreads() {
        synchronized (open) {
            for (Iterator<Span> spans = open.iterator(); spans.hasNext(); ) {
                Span span = spans.next();
                if (!span.thread.isAlive()) {
                    spans.remove();
                    closeNow(span);
                }
            }
        }
    }

    /** Closes all groups; spans under way get no counters. */
    public void close() {
        synchronized (open) {
            closed = true;
            open.forEach(this::closeNow);
            open.clear();
        }
    }

    private void closeNow(Span span) {
        span.group.close();
        budget.release(span.group.size());
    }

    /** The counters of one thread, used by that thread only; neither call allocates anything. */
    public static final class Span {
        private final Thread thread;
        private final CounterGroup group;
        private final int[] placeOf;
        private final String source;
        private final long[] values;
        private long enabled;
        private long running;
        private long due;
        private long ran;
        private boolean begun;

        private Span(Thread thread, CounterGroup group, List<PerfEvent> counted, boolean userOnly) {
            this.thread = thread;
            this.group = group;
            this.placeOf = counted.stream().mapToInt(PLACE::indexOf).toArray();
            this.source = counted.stream().allMatch(event -> event.type() == PerfEvent.SOFTWARE)
                    ? "perf, software only"
                    : userOnly ? "perf, user only" : "perf";
            this.values = new long[group.size()];
        }

        /** Remembers where the counters stand. */
        public void begin() {
            begun = group.read();
            if (begun) {
                System.arraycopy(group.values, 0, values, 0, values.length);
                enabled = group.enabled[0];
                running = group.running[0];
            }
        }

        /**
         * Writes what was counted since {@link #begin}, scaled when multiplexed, to the places named above; places that this
         * machine cannot count are left alone, those that had no turn become NaN.
         *
         * @return whether anything was written
         */
        public boolean end(double[] counts) {
            if (!begun || !group.read()) {
                due = 0;
                ran = 0;
                return false;
            }
            due = group.enabled[0] - enabled;
            ran = group.running[0] - running;
            for (int i = 0; i < values.length; i++) {
                counts[placeOf[i]] = Scaling.scale(group.values[i] - values[i], due, ran);
            }
            return true;
        }

        /** {@code perf}, {@code perf, user only} or {@code perf, software only}. */
        public String source() {
            return source;
        }

        /** Nanoseconds of the span last ended in which the counters should have run. */
        public long enabledNanos() {
            return due;
        }

        /** Those of them in which they did. */
        public long runningNanos() {
            return ran;
        }
    }
}
