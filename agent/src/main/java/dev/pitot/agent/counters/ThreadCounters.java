package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Counters of single threads, opened by each thread on itself when it serves its first request and closed within a second or
 * so of its end. {@link #openForThisThread} may be called by any platform thread, {@link #closeOfEndedThreads} and
 * {@link #viewOf} by the sampler, {@link #close} by any thread once the sampler has ended.
 */
public final class ThreadCounters {
    /** Places in the result of {@link Span#since}; what was asked for by name stands behind them. */
    public static final int CONTEXT_SWITCHES = 0;

    public static final int PAGE_FAULTS = 1;
    public static final int CYCLES = 2;
    public static final int INSTRUCTIONS = 3;
    public static final int CACHE_MISSES = 4;
    public static final int BRANCH_MISSES = 5;
    public static final int PLACES = 6;

    private static final List<String> PLACE = List.of(
            PerfEvent.CONTEXT_SWITCHES.name(),
            PerfEvent.PAGE_FAULTS.name(),
            PerfEvent.CYCLES.name(),
            PerfEvent.INSTRUCTIONS.name(),
            PerfEvent.CACHE_MISSES.name(),
            PerfEvent.BRANCH_MISSES.name());

    private final long flags;
    private final boolean userOnly;
    private final FileBudget budget;
    private final List<String> further = new ArrayList<>();
    private final double[] scaleOf;
    private final List<Span> open = new ArrayList<>();
    /** What each thread gets; becomes less when a kernel turns out to refuse some of it. */
    private volatile Set set;

    private boolean closed;
    private final List<Refusal> refusals = new ArrayList<>();

    /** Groups of events, and for each event the place of its value. */
    private record Set(List<List<PerfEvent>> groups, List<int[]> places) {
        static final Set NOTHING = new Set(List.of(), List.of());

        int size() {
            int size = 0;
            for (int[] ofGroup : places) {
                size += ofGroup.length;
            }
            return size;
        }

        boolean hasHardware() {
            for (List<PerfEvent> group : groups) {
                for (PerfEvent event : group) {
                    if (event.type() != PerfEvent.SOFTWARE) {
                        return true;
                    }
                }
            }
            return false;
        }

        /** The same with other events in one group, of those that are in it; without the group when there are none. */
        Set with(int group, List<PerfEvent> events) {
            List<List<PerfEvent>> otherGroups = new ArrayList<>(groups);
            List<int[]> otherPlaces = new ArrayList<>(places);
            if (events.isEmpty()) {
                otherGroups.remove(group);
                otherPlaces.remove(group);
            } else {
                int[] kept = new int[events.size()];
                for (int i = 0; i < kept.length; i++) {
                    kept[i] = places.get(group)[groups.get(group).indexOf(events.get(i))];
                }
                otherGroups.set(group, events);
                otherPlaces.set(group, kept);
            }
            return new Set(List.copyOf(otherGroups), List.copyOf(otherPlaces));
        }
    }

    /** @param plan what each thread opens on itself; counters of several places are one for each kind of core */
    ThreadCounters(CounterPlan plan, boolean userOnly, FileBudget budget) {
        this.userOnly = userOnly;
        this.flags = userOnly ? Perf.EXCLUDE_KERNEL | Perf.EXCLUDE_HYPERVISOR : 0;
        this.budget = budget;
        List<int[]> places = new ArrayList<>();
        for (CounterPlan.Group group : plan.groups()) {
            places.add(new int[group.events().size()]);
        }
        List<Double> scales = new ArrayList<>();
        for (CounterPlan.Counter counter : plan.counters()) {
            int at = PLACE.indexOf(counter.name());
            if (at < 0) {
                at = PLACES + further.size();
                further.add(counter.name());
                scales.add(counter.scale());
            }
            for (CounterPlan.Place place : counter.places()) {
                places.get(place.group())[place.index()] = at;
            }
        }
        scaleOf = new double[PLACES + scales.size()];
        Arrays.fill(scaleOf, 1);
        for (int i = 0; i < scales.size(); i++) {
            scaleOf[PLACES + i] = scales.get(i);
        }
        this.set = new Set(plan.groups().stream().map(CounterPlan.Group::events).toList(), places);
    }

    /** Length of the array that {@link Span#since} writes to: {@link #PLACES} and one for each further counter. */
    public int places() {
        return scaleOf.length;
    }

    /** Names of the counters that have no place of their own, in the order in which their values stand behind those that have. */
    public List<String> further() {
        return further;
    }

    /**
     * Opens the groups of the calling platform thread; null when there is no room or the kernel refuses. Each call opens anew:
     * the caller remembers which thread has its groups, and not in a thread-local alone, as thread pools may erase those.
     */
    public @Nullable Span openForThisThread() {
        Set wanted = set;
        while (!wanted.groups.isEmpty()) {
            if (!budget.reserve(wanted.size(), FileBudget.Use.SPANS)) {
                refuse(new Refusal(
                        "Some threads have no counters, as those of others use up the file descriptors that may be used",
                        "Raise the limit of open files (ulimit -n)",
                        Refusal.Fix.FILES));
                return null;
            }
            List<CounterGroup> groups = new ArrayList<>();
            try {
                for (List<PerfEvent> events : wanted.groups) {
                    groups.add(CounterGroup.open(events, 0, flags, true));
                }
                return register(groups, wanted);
            } catch (CounterGroup.CannotOpen no) {
                int refused = groups.size();
                groups.forEach(CounterGroup::close);
                budget.release(wanted.size());
                List<PerfEvent> fewer = fewer(wanted.groups.get(refused), no);
                Set rest = no.errno == Perf.EMFILE || no.errno == Perf.ENFILE
                        ? Set.NOTHING // For this thread and now; it says nothing of the events.
                        : wanted.with(refused, fewer);
                Refusal why = Perf.explain(no.event, no.errno);
                refuse(new Refusal(
                        (rest.groups.isEmpty() ? "Some threads have no counters: " : "Threads have fewer counters: ")
                                + why.reason(),
                        why.remedy(),
                        why.fix()));
                if (rest.groups.isEmpty()) {
                    return null;
                }
                synchronized (open) {
                    if (set == wanted) {
                        set = rest;
                    }
                    wanted = set; // Somebody may have said meanwhile that no more is to be opened.
                }
            }
        }
        return null;
    }

    private @Nullable Span register(List<CounterGroup> groups, Set counted) {
        Span span = new Span(Thread.currentThread(), Libc.threadId(), groups, counted, source(counted), scaleOf);
        synchronized (open) {
            if (!closed) {
                open.add(span);
                return span;
            }
        }
        closeNow(span);
        return null;
    }

    private String source(Set counted) {
        return !counted.hasHardware() ? "perf, software only" : userOnly ? "perf, user only" : "perf";
    }

    /**
     * The counters of a thread, to be read by the sampler thread beside the thread itself and until its end is noticed, which
     * is the sampler's doing too; null when it has none or fewer than those of the plan.
     */
    @Nullable
    OpenGroups viewOf(int tid, CounterPlan plan) {
        List<List<PerfEvent>> planned =
                plan.groups().stream().map(CounterPlan.Group::events).toList();
        synchronized (open) {
            for (Span span : open) {
                if (span.tid == tid && span.counted.groups.equals(planned)) {
                    List<CounterGroup> views = new ArrayList<>();
                    for (CounterGroup group : span.groups) {
                        views.add(group.view());
                    }
                    return new OpenGroups(views);
                }
            }
        }
        return null;
    }

    /** Whether a thread has counters of its own now. */
    boolean has(int tid) {
        synchronized (open) {
            for (Span span : open) {
                if (span.tid == tid) {
                    return true;
                }
            }
        }
        return false;
    }

    /** What to try in a group after a refusal: without the event that it names, in the end the software events alone, else nothing. */
    static List<PerfEvent> fewer(List<PerfEvent> wanted, CounterGroup.CannotOpen no) {
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
        synchronized (open) {
            set = Set.NOTHING;
        }
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

    /** Closes all groups that are open now, on the sampler thread: requests go on without. */
    void closeAll() {
        synchronized (open) {
            open.forEach(this::closeNow);
            open.clear();
        }
    }

    /** Closes all groups; spans under way get no counters. */
    public void close() {
        synchronized (open) {
            closed = true;
        }
        closeAll();
    }

    private void closeNow(Span span) {
        for (CounterGroup group : span.groups) {
            if (group.close()) {
                budget.release(group.size());
            }
        }
    }

    /** Where the counters of one thread stood; made by {@link Span#newMark} and used again for each span of that thread. */
    public static final class Mark {
        private final long[][] values;
        private final long[] enabled;
        private final long[] running;
        private boolean read;

        private Mark(CounterGroup[] groups) {
            values = new long[groups.length][];
            for (int g = 0; g < groups.length; g++) {
                values[g] = new long[groups[g].size()];
            }
            enabled = new long[groups.length];
            running = new long[groups.length];
        }

        /** Nothing was read: what is asked of this mark is not known. */
        public void forget() {
            read = false;
        }
    }

    /** The counters of one thread, used by that thread only; neither reading allocates anything. */
    public static final class Span {
        private final Thread thread;
        private final int tid;
        private final CounterGroup[] groups;
        private final Set counted;
        private final int[][] placeOf;
        private final double[] scaleOf;
        private final String source;
        /** By place: what was counted, and nanoseconds that it should have been and was. */
        private final double[] sums;

        private final long[] dues;
        private final long[] rans;
        private long due;
        private long ran;

        private Span(Thread thread, int tid, List<CounterGroup> groups, Set counted, String source, double[] scaleOf) {
            this.thread = thread;
            this.tid = tid;
            this.groups = groups.toArray(CounterGroup[]::new);
            this.counted = counted;
            this.placeOf = counted.places.toArray(int[][]::new);
            this.scaleOf = scaleOf;
            this.source = source;
            this.sums = new double[scaleOf.length];
            this.dues = new long[scaleOf.length];
            this.rans = new long[scaleOf.length];
        }

        public Mark newMark() {
            return new Mark(groups);
        }

        /** Remembers where the counters stand. */
        public void mark(Mark mark) {
            mark.read = false;
            for (int g = 0; g < groups.length; g++) {
                CounterGroup group = groups[g];
                if (!group.read()) {
                    return;
                }
                System.arraycopy(group.values, 0, mark.values[g], 0, group.values.length);
                mark.enabled[g] = group.enabled[0];
                mark.running[g] = group.running[0];
            }
            mark.read = true;
        }

        /**
         * Writes what was counted since the mark, scaled when multiplexed, to the places named above; places that this
         * machine cannot count are left alone, those that had no turn become NaN.
         *
         * @return whether anything was written
         */
        public boolean since(Mark mark, double[] counts) {
            due = 0;
            ran = 0;
            if (!mark.read) {
                return false;
            }
            for (int g = 0; g < groups.length; g++) {
                for (int i = 0; i < placeOf[g].length; i++) {
                    int place = placeOf[g][i];
                    sums[place] = 0;
                    dues[place] = 0;
                    rans[place] = 0;
                }
            }
            for (int g = 0; g < groups.length; g++) {
                if (!groups[g].read()) {
                    return false;
                }
            }
            for (int g = 0; g < groups.length; g++) {
                add(
                        groups[g],
                        placeOf[g],
                        mark.values[g],
                        groups[g].enabled[0] - mark.enabled[g],
                        groups[g].running[0] - mark.running[g]);
            }
            for (int g = 0; g < groups.length; g++) {
                for (int i = 0; i < placeOf[g].length; i++) {
                    write(placeOf[g][i], counts);
                }
            }
            return true;
        }

        private void add(CounterGroup group, int[] places, long[] before, long on, long counting) {
            for (int i = 0; i < places.length; i++) {
                int place = places[i];
                sums[place] += group.values[i] - before[i];
                // All kinds of cores are enabled at once, and one of them counts.
                dues[place] = Math.max(dues[place], on);
                rans[place] += counting;
            }
        }

        private void write(int place, double[] counts) {
            counts[place] = Scaling.scale(sums[place], dues[place], rans[place]) * scaleOf[place];
            // The share that is told is that of the counter that ran least.
            if (due == 0 || (double) rans[place] * due < (double) ran * dues[place]) {
                due = dues[place];
                ran = Math.min(rans[place], due);
            }
        }

        /** {@code perf}, {@code perf, user only} or {@code perf, software only}. */
        public String source() {
            return source;
        }

        /** Nanoseconds of the span last ended in which the counters should have run. */
        public long enabledNanos() {
            return due;
        }

        /** Those of them in which they did, of the counter that ran least. */
        public long runningNanos() {
            return ran;
        }
    }
}
