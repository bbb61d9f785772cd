package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The threads that used most CPU time in the last second, and what their counters say. A thread that serves requests has
 * counters already, and those are read; another gets its own while it is among the first, and keeps them for some seconds
 * after. The sampler thread's alone.
 */
public final class TopThreads {
    /** Seconds for which a thread keeps its counters when it is not among the first any more. */
    private static final int PATIENCE = 10;
    /** A thread that used a smaller part of a CPU is not worth a line. */
    private static final double LEAST = 0.001;

    /** One of the first, or one that was a moment ago. */
    public static final class Entry {
        private ThreadScan.Task task;
        private @Nullable OpenGroups groups;
        private boolean isView;
        private final Reading reading;
        private boolean counted;
        private int absent;

        private Entry(ThreadScan.Task task, CounterPlan plan) {
            this.task = task;
            this.reading = new Reading(plan);
        }

        public String thread() {
            return task.name;
        }

        public int tid() {
            return task.tid;
        }

        public String kind() {
            return task.kind.text();
        }

        /** Nanoseconds on a CPU, and ready without one, in the {@link #interval}. */
        public long cpuTime() {
            return task.runTime;
        }

        public long runQueueWait() {
            return task.waitTime;
        }

        public long timeslices() {
            return task.timeslices;
        }

        public long interval() {
            return task.interval;
        }

        /** Its counters, or null when they do not cover the interval. */
        public @Nullable Reading reading() {
            return counted ? reading : null;
        }
    }

    private final int most;
    private final CounterPlan plan;
    private final long flags;
    private final FileBudget budget;
    private final @Nullable ThreadCounters spans;
    private final List<Entry> entries = new ArrayList<>();
    private final List<Entry> top = new ArrayList<>();
    private boolean starved;
    private boolean shed;

    /** @param plan of one group, or of none where threads cannot be counted */
    TopThreads(int most, CounterPlan plan, long flags, FileBudget budget, @Nullable ThreadCounters spans) {
        this.most = most;
        this.plan = plan;
        this.flags = flags;
        this.budget = budget;
        this.spans = spans;
    }

    /** Finds the first among the threads of a scan and reads their counters. */
    public void sample(ThreadScan scan) {
        top.clear();
        for (Entry entry : entries) {
            entry.absent++;
            entry.counted = false;
        }
        for (ThreadScan.Task task : first(scan.read())) {
            Entry entry = find(task);
            entry.absent = 0;
            top.add(entry);
        }
        for (Iterator<Entry> all = entries.iterator(); all.hasNext(); ) {
            Entry entry = all.next();
            if (entry.absent > PATIENCE || scan.task(entry.task.tid) != entry.task) {
                close(entry);
                entry.task.isWatched = false;
                all.remove();
            } else if (entry.task.isRead()) {
                // Only together with the thread's times, so that both are of the same interval.
                read(entry);
            }
        }
    }

    /** The threads with most CPU time, most first. */
    private List<ThreadScan.Task> first(List<ThreadScan.Task> tasks) {
        List<ThreadScan.Task> first = new ArrayList<>(most + 1);
        for (ThreadScan.Task task : tasks) {
            int at = first.size();
            while (at > 0 && first.get(at - 1).share() < task.share()) {
                at--;
            }
            if (task.share() > LEAST && at < most) {
                first.add(at, task);
                if (first.size() > most) {
                    first.remove(most);
                }
            }
        }
        return first;
    }

    private Entry find(ThreadScan.Task task) {
        for (Entry entry : entries) {
            if (entry.task == task) {
                return entry;
            }
        }
        Entry entry = new Entry(task, plan);
        task.isWatched = true;
        entries.add(entry);
        return entry;
    }

    private void read(Entry entry) {
        if (plan.groups().isEmpty()) {
            return;
        }
        OpenGroups groups = entry.groups;
        if (groups != null && !entry.isView && spans != null && spans.has(entry.task.tid)) {
            // It serves requests by now: two sets of counters would take turns.
            close(entry);
            groups = null;
        }
        entry.reading.clear();
        if (groups != null) {
            entry.counted = groups.sample(entry.reading.groups);
            if (!entry.counted) {
                close(entry); // The thread has ended, or its counters were given back.
            }
            return;
        }
        groups = open(entry);
        if (groups != null && groups.sample(entry.reading.groups)) { // Only to know where they stand.
            entry.groups = groups;
        } else if (groups != null) {
            entry.groups = groups;
            close(entry);
        }
    }

    private @Nullable OpenGroups open(Entry entry) {
        OpenGroups view = spans == null ? null : spans.viewOf(entry.task.tid, plan);
        entry.isView = view != null;
        if (view != null) {
            return view;
        }
        if (spans != null && spans.has(entry.task.tid)) {
            return null; // It has fewer counters than these; more would take turns with them.
        }
        if (shed || !budget.reserve(plan.descriptorsPerThread(), FileBudget.Use.TOP_THREADS)) {
            starved = true;
            return null;
        }
        try {
            return OpenGroups.open(plan, entry.task.tid, flags, true);
        } catch (CounterGroup.CannotOpen ended) {
            budget.release(plan.descriptorsPerThread());
            return null;
        }
    }

    private void close(Entry entry) {
        OpenGroups groups = entry.groups;
        entry.groups = null;
        if (groups != null) {
            groups.close();
            if (!entry.isView) {
                budget.release(plan.descriptorsPerThread());
            }
        }
    }

    /** Gives back the descriptors of all, for those who need them more; CPU times go on. */
    void shed() {
        entries.forEach(this::close);
        starved = true;
    }

    /** The same, and none gets any again. */
    void shedForGood() {
        shed = true;
        shed();
    }

    /** Whether some had no counters as descriptors were short. */
    boolean isStarved() {
        return starved;
    }

    /** The first in the order of their CPU time; valid until the next sample. */
    public List<Entry> top() {
        return top;
    }

    void close() {
        entries.forEach(this::close);
        entries.clear();
        top.clear();
    }
}
