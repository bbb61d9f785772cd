package dev.pitot.agent.counters;

import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Hardware counters of the whole process: one group on each thread that exists at the opening, inherited by every thread
 * that those start. (Counting the process by its pid would count one idle thread only.) Opened on one thread, then used by the
 * sampler thread alone.
 */
final class ProcessHardware {
    /** The three ways to ask, best first: older kernels refuse groups with inherit, and inherit without child processes. */
    private enum Way {
        GROUP_OF_THREADS(true, Perf.INHERIT | Perf.INHERIT_THREAD),
        EACH_OF_THREADS(false, Perf.INHERIT | Perf.INHERIT_THREAD),
        EACH_WITH_CHILD_PROCESSES(false, Perf.INHERIT);

        final boolean grouped;
        final long flags;

        Way(boolean grouped, long flags) {
            this.grouped = grouped;
            this.flags = flags;
        }
    }

    /** Why the counters of the process could not be opened. */
    static final class Refused extends Exception {
        final transient Refusal refusal;

        Refused(Refusal refusal) {
            super(refusal.reason(), null, false, false);
            this.refusal = refusal;
        }
    }

    private static final int ATTEMPTS = 5;

    private final List<CounterGroup> groups;
    private final List<long[]> lastValues = new ArrayList<>();
    private final List<long[]> lastEnabled = new ArrayList<>();
    private final List<long[]> lastRunning = new ArrayList<>();

    /** Whether child processes are counted too, as this kernel knows no other way. */
    final boolean withChildren;

    /** Whether threads kept starting while the counters were opened, so that a few may not be counted. */
    final boolean unsettled;

    /**
     * What each event counted since the previous {@link #sample}, scaled when it was multiplexed. Never negative; NaN when it
     * should have counted and never did.
     */
    final double[] deltas;

    /** Nanoseconds since the previous sample that each event was enabled, and those of them that its value stands for. */
    private final double[] due;

    private final double[] known;

    /** Running / enabled time since the previous sample, 0 to 1; NaN when nothing of the process ran. */
    double running = Double.NaN;

    ProcessHardware(List<CounterGroup> groups, int events, boolean withChildren, boolean unsettled) {
        this.groups = groups;
        this.withChildren = withChildren;
        this.unsettled = unsettled;
        this.deltas = new double[events];
        this.due = new double[events];
        this.known = new double[events];
        for (CounterGroup group : groups) {
            lastValues.add(new long[group.size()]);
            lastEnabled.add(new long[group.size()]);
            lastRunning.add(new long[group.size()]);
        }
    }

    /** Opens the events of a probe on every thread of this process. */
    static ProcessHardware open(List<PerfEvent> events, long flags, FileBudget budget) throws Refused {
        for (int attempt = 1; ; attempt++) {
            Set<Integer> tids = threads();
            int descriptors = tids.size() * events.size();
            if (!budget.reserve(descriptors)) {
                throw new Refused(new Refusal(
                        tids.size() + " threads need " + descriptors + " file descriptors, and " + budget.left()
                                + " may be used",
                        "Raise the limit of open files (ulimit -n) to at least " + 4 * descriptors));
            }
            boolean kept = false;
            List<CounterGroup> groups = new ArrayList<>();
            try {
                Way way = openAll(events, flags, tids, groups);
                // A thread that appeared meanwhile may be inherited or not: there is no telling, so begin again.
                boolean settled = threads().equals(tids);
                if (settled || attempt == ATTEMPTS) {
                    kept = true;
                    budget.release(descriptors - groups.size() * events.size());
                    ProcessHardware all =
                            new ProcessHardware(groups, events.size(), way == Way.EACH_WITH_CHILD_PROCESSES, !settled);
                    all.sample();
                    return all;
                }
            } finally {
                if (!kept) {
                    groups.forEach(CounterGroup::close);
                    budget.release(descriptors);
                }
            }
        }
    }

    private static Way openAll(List<PerfEvent> events, long flags, Set<Integer> tids, List<CounterGroup> groups)
            throws Refused {
        int way = 0;
        for (int tid : tids) {
            boolean done = false;
            while (!done) {
                Way tried = Way.values()[way];
                try {
                    groups.add(CounterGroup.open(events, tid, flags | tried.flags, tried.grouped));
                    done = true;
                } catch (CounterGroup.CannotOpen no) {
                    if (no.errno == Perf.ESRCH) {
                        done = true; // The thread has ended meanwhile.
                    } else if (no.errno == Perf.EINVAL && groups.isEmpty() && way + 1 < Way.values().length) {
                        way++;
                    } else {
                        throw new Refused(Perf.explain(no.event, no.errno));
                    }
                }
            }
        }
        return Way.values()[way];
    }

    private static Set<Integer> threads() throws Refused {
        String[] names = new File("/proc/self/task").list();
        if (names == null) {
            throw new Refused(new Refusal("/proc/self/task cannot be listed", "Mount /proc in the container"));
        }
        Set<Integer> tids = new TreeSet<>();
        for (String name : names) {
            tids.add(Integer.valueOf(name));
        }
        return tids;
    }

    /** Reads all groups and sets {@link #deltas} and {@link #running}. */
    void sample() {
        Arrays.fill(deltas, 0);
        Arrays.fill(due, 0);
        Arrays.fill(known, 0);
        double runningSum = 0;
        double enabledSum = 0;
        for (int g = 0; g < groups.size(); g++) {
            CounterGroup group = groups.get(g);
            if (!group.read()) {
                continue;
            }
            long[] value = lastValues.get(g);
            long[] enabled = lastEnabled.get(g);
            long[] counted = lastRunning.get(g);
            for (int i = 0; i < deltas.length; i++) {
                long on = Math.max(0, group.enabled[i] - enabled[i]);
                long ran = Math.max(0, group.running[i] - counted[i]);
                double scaled = Scaling.scale(Math.max(0, group.values[i] - value[i]), on, ran);
                due[i] += on;
                if (!Double.isNaN(scaled)) {
                    known[i] += on;
                    deltas[i] += scaled;
                }
                enabledSum += on;
                runningSum += ran;
                value[i] = group.values[i];
                enabled[i] = group.enabled[i];
                counted[i] = group.running[i];
            }
        }
        for (int i = 0; i < deltas.length; i++) {
            // Threads that ran for too short to get a turn count as the others did; when none got one there is no
            // number.
            deltas[i] *= due[i] == 0 ? 1 : known[i] == 0 ? Double.NaN : due[i] / known[i];
        }
        running = enabledSum > 0 ? Math.min(1, runningSum / enabledSum) : Double.NaN;
    }

    void close() {
        groups.forEach(CounterGroup::close);
    }
}
