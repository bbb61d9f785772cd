package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Counters of the whole process and of each kind of thread: the plan's groups on each thread that exists at the opening,
 * inherited by every thread that those start. (Counting the process by its pid would count one idle thread only.) So what a
 * thread counted before it ended is never lost, and a thread counts as the kind of the thread it descends from. HotSpot's
 * threads start others of their own kind, but for the GC workers, which the VM thread starts when it needs one: those are
 * counted once more by themselves, and what they did is moved. Opened on one thread, then used by the sampler thread alone.
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
        /** Whether fewer descriptors might do. */
        final boolean isShortOfFiles;

        Refused(Refusal refusal, boolean isShortOfFiles) {
            super(refusal.reason(), null, false, false);
            this.refusal = refusal;
            this.isShortOfFiles = isShortOfFiles;
        }
    }

    /** A thread that was there at the opening, with all that descend from it; or a GC worker by itself. */
    private record Root(int tid, ThreadKind kind, OpenGroups groups) {}

    private static final int ATTEMPTS = 5;
    /** A worker of the VM thread that is counted by itself; one for each CPU at most. */
    private static final int MOST_WORKERS = 64;

    private final CounterPlan plan;
    private final long flags;
    private final FileBudget budget;
    private final List<Root> roots;
    private final List<Root> workers = new ArrayList<>();
    private final Reading process;
    private final Reading[] kinds = new Reading[ThreadKind.values().length];
    private final Reading moved;
    private boolean closed;

    /** Whether child processes are counted too, as this kernel knows no other way. */
    final boolean withChildren;

    /** Whether threads kept starting while the counters were opened, so that a few may not be counted. */
    final boolean unsettled;

    private ProcessHardware(
            CounterPlan plan,
            long flags,
            FileBudget budget,
            List<Root> roots,
            boolean withChildren,
            boolean unsettled) {
        this.plan = plan;
        this.flags = flags;
        this.budget = budget;
        this.roots = List.copyOf(roots);
        this.withChildren = withChildren;
        this.unsettled = unsettled;
        this.process = new Reading(plan);
        this.moved = new Reading(plan);
        for (int i = 0; i < kinds.length; i++) {
            kinds[i] = new Reading(plan);
        }
    }

    /** For tests: groups that are open already, all of one kind. */
    static ProcessHardware of(CounterPlan plan, List<List<CounterGroup>> open) {
        List<Root> roots = new ArrayList<>();
        for (List<CounterGroup> groups : open) {
            roots.add(new Root(0, ThreadKind.APPLICATION, new OpenGroups(groups)));
        }
        return new ProcessHardware(plan, 0, new FileBudget(1024), roots, false, false);
    }

    /** Opens the plan's groups on every thread of this process. */
    static ProcessHardware open(CounterPlan plan, long flags, FileBudget budget, TaskFiles files) throws Refused {
        for (int attempt = 1; ; attempt++) {
            Set<Integer> tids = threads(files);
            int descriptors = tids.size() * plan.descriptorsPerThread();
            if (!budget.reserve(descriptors, FileBudget.Use.PROCESS)) {
                throw new Refused(
                        new Refusal(
                                tids.size() + " threads need " + descriptors + " file descriptors, and " + budget.left()
                                        + " may be used",
                                "Raise the limit of open files (ulimit -n) to at least " + 4 * descriptors,
                                Refusal.Fix.FILES),
                        true);
            }
            boolean kept = false;
            List<Root> roots = new ArrayList<>();
            try {
                Way way = openAll(plan, flags, tids, files, roots);
                // A thread that appeared meanwhile may be inherited or not: there is no telling, so begin again.
                if (roots.isEmpty()) {
                    throw new Refused(
                            new Refusal(
                                    "None of the threads in /proc/self/task could be counted",
                                    "Mount the /proc of the process's own container"),
                            false);
                }
                boolean settled = threads(files).equals(tids);
                if (settled || attempt == ATTEMPTS) {
                    kept = true;
                    budget.release(descriptors - roots.size() * plan.descriptorsPerThread());
                    ProcessHardware all = new ProcessHardware(
                            plan, flags, budget, roots, way == Way.EACH_WITH_CHILD_PROCESSES, !settled);
                    all.sample();
                    return all;
                }
            } finally {
                if (!kept) {
                    roots.forEach(root -> root.groups.close());
                    budget.release(descriptors);
                }
            }
        }
    }

    private static Way openAll(CounterPlan plan, long flags, Set<Integer> tids, TaskFiles files, List<Root> roots)
            throws Refused {
        int way = 0;
        for (int tid : tids) {
            String name = files.name(tid);
            ThreadKind kind = name == null ? ThreadKind.APPLICATION : ThreadKind.of(name);
            boolean done = name == null;
            while (!done) {
                Way tried = Way.values()[way];
                try {
                    OpenGroups groups = OpenGroups.open(plan, tid, flags | tried.flags, tried.grouped);
                    roots.add(new Root(tid, kind, groups));
                    done = true;
                } catch (CounterGroup.CannotOpen no) {
                    if (no.errno == Perf.ESRCH) {
                        done = true; // The thread has ended meanwhile.
                    } else if (no.errno == Perf.EINVAL && roots.isEmpty() && way + 1 < Way.values().length) {
                        way++;
                    } else {
                        throw new Refused(
                                Perf.explain(no.event, no.errno), no.errno == Perf.EMFILE || no.errno == Perf.ENFILE);
                    }
                }
            }
        }
        return Way.values()[way];
    }

    CounterPlan plan() {
        return plan;
    }

    private static Set<Integer> threads(TaskFiles files) throws Refused {
        if (!files.list()) {
            throw new Refused(new Refusal("/proc/self/task cannot be listed", "Mount /proc in the container"), false);
        }
        Set<Integer> tids = new TreeSet<>();
        for (int i = 0; i < files.count; i++) {
            tids.add(files.tids[i]);
        }
        return tids;
    }

    /** Counts a GC worker that the VM thread has started by itself from now on, if that can be done. */
    void adopt(int tid) {
        for (Root root : roots) {
            if (root.tid == tid) {
                return; // It was there at the opening and counts by itself.
            }
        }
        if (workers.size() == MOST_WORKERS || !budget.reserve(plan.descriptorsPerThread(), FileBudget.Use.SPANS)) {
            return; // It goes on counting as a part of the VM.
        }
        try {
            workers.add(new Root(tid, ThreadKind.GC, OpenGroups.open(plan, tid, flags, true)));
        } catch (CounterGroup.CannotOpen no) {
            budget.release(plan.descriptorsPerThread());
        }
    }

    /** Lets go of a worker that has ended. */
    void endOf(int tid) {
        workers.removeIf(worker -> {
            if (worker.tid != tid) {
                return false;
            }
            worker.groups.close();
            budget.release(worker.groups.descriptors());
            return true;
        });
    }

    /** Thread identifiers of the workers that are counted by themselves. */
    int[] workers() {
        int[] tids = new int[workers.size()];
        for (int i = 0; i < tids.length; i++) {
            tids[i] = workers.get(i).tid;
        }
        return tids;
    }

    /** Reads all groups: {@link #process} and {@link #of} are then about the time since the call before. */
    void sample() {
        process.clear();
        moved.clear();
        for (Reading kind : kinds) {
            kind.clear();
        }
        for (Root root : roots) {
            root.groups.sample(kinds[root.kind.ordinal()].groups);
        }
        for (Root worker : workers) {
            worker.groups.sample(moved.groups);
        }
        for (Reading kind : kinds) {
            process.add(kind);
        }
        if (!workers.isEmpty()) {
            kinds[ThreadKind.GC.ordinal()].add(moved);
            kinds[ThreadKind.VM.ordinal()].subtract(moved);
        }
    }

    Reading process() {
        return process;
    }

    Reading of(ThreadKind kind) {
        return kinds[kind.ordinal()];
    }

    boolean isClosed() {
        return closed;
    }

    void close() {
        closed = true;
        roots.forEach(root -> root.groups.close());
        workers.forEach(worker -> worker.groups.close());
    }
}
