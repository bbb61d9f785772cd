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

    private final List<PerfEvent> events;
    private final long flags;
    private final FileBudget budget;
    private final int[] placeOf;
    private final List<Span> open = new ArrayList<>();
    private boolean closed;
    private @Nullable Refusal refusal;

    ThreadCounters(List<PerfEvent> events, long flags, FileBudget budget) {
        this.events = events;
        this.flags = flags;
        this.budget = budget;
        this.placeOf = events.stream().mapToInt(PLACE::indexOf).toArray();
    }

    /** Opens the group of the calling platform thread; null when there is no room or the kernel refuses. */
    public @Nullable Span openForThisThread() {
        if (events.isEmpty() || !budget.reserve(events.size())) {
            refuse(new Refusal(
                    "Some threads have no counters, as those of others use up the file descriptors that may be used",
                    "Raise the limit of open files (ulimit -n)"));
            return null;
        }
        CounterGroup group;
        try {
            group = CounterGroup.open(events, 0, flags, true);
        } catch (CounterGroup.CannotOpen no) {
            budget.release(events.size());
            refuse(Perf.explain(no.event, no.errno));
            return null;
        }
        Span span = new Span(Thread.currentThread(), group, placeOf);
        synchronized (open) {
            if (!closed) {
                open.add(span);
                return span;
            }
        }
        closeNow(span);
        return null;
    }

    private void refuse(Refusal why) {
        synchronized (open) {
            refusal = refusal == null ? why : refusal;
        }
    }

    /** Why some thread could not be given counters, or null when all could. */
    public @Nullable Refusal refusal() {
        synchronized (open) {
            return refusal;
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
        budget.release(events.size());
    }

    /** The counters of one thread, used by that thread only; neither call allocates anything. */
    public static final class Span {
        private final Thread thread;
        private final CounterGroup group;
        private final int[] placeOf;
        private final long[] values;
        private long enabled;
        private long running;
        private boolean begun;

        private Span(Thread thread, CounterGroup group, int[] placeOf) {
            this.thread = thread;
            this.group = group;
            this.placeOf = placeOf;
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
         * machine cannot count are left alone.
         *
         * @return whether anything was written
         */
        public boolean end(double[] counts) {
            if (!begun || !group.read()) {
                return false;
            }
            long on = group.enabled[0] - enabled;
            long counted = group.running[0] - running;
            for (int i = 0; i < values.length; i++) {
                counts[placeOf[i]] = Scaling.scale(group.values[i] - values[i], on, counted);
            }
            return true;
        }
    }
}
