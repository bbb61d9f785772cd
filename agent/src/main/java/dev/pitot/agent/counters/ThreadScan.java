package dev.pitot.agent.counters;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Looks at all threads of the process once a second: how long each ran and waited for a CPU, and whom it works for. What that
 * costs is bounded: at most {@link #READS} threads of the application are read at a time, and a process with very many is
 * listed less often. The sampler thread's alone.
 */
public final class ThreadScan {
    /** Threads of the application that are read in one second. */
    static final int READS = 128;
    /** More threads than these are listed every ten seconds only. */
    private static final int MANY = 500;

    private static final int SECONDS_BETWEEN_LISTS_OF_MANY = 10;
    /** A thread is started first and named then, some by their own program much later. */
    private static final int LOOKS_AT_NAME = 3;
    /** Nanoseconds by which the kernel's clocks and ours may differ over an interval, a tick and a late reading. */
    private static final long SLACK = 50_000_000;
    /** And so many in one scan, besides those of new threads. */
    private static final int LOOKS_IN_A_SCAN = 64;

    /** One thread. Times are nanoseconds. */
    static final class Task {
        final int tid;
        String name;
        ThreadKind kind;
        /** What it did between the last two readings, and how long these were apart; or since it began. */
        long runTime;

        long waitTime;
        long timeslices;
        long interval;

        private long lastRunTime;
        private long lastWaitTime;
        private long lastTimeslices;
        private long readAt;
        private int looksAtName;
        private boolean seen = true;
        /** Whether the last scan read it. */
        private boolean isRead;
        /** Whether it is to be read in every scan, whoever's turn it is. */
        boolean isWatched;
        /** Whether it was read before, so that the times are a difference of two readings and not of a whole life. */
        private boolean isKnown;
        /** Whether the next reading only tells where its times stand. */
        private boolean isUnknown;

        /** @param since when it was not there yet */
        Task(int tid, String name, long since, boolean isUnknown) {
            this.tid = tid;
            this.name = name;
            this.kind = ThreadKind.of(name);
            this.readAt = since;
            this.isUnknown = isUnknown;
        }

        /** Part of a CPU that it used in its interval. */
        double share() {
            return interval <= 0 ? 0 : (double) runTime / interval;
        }

        /** Whether the times here are those of the last scan. */
        boolean isRead() {
            return isRead;
        }
    }

    private final TaskFiles files;
    private final Map<Integer, Task> tasks = new HashMap<>();
    private final List<Task> read = new ArrayList<>();
    private final List<Task> begun = new ArrayList<>();
    private final int[] threads = new int[ThreadKind.values().length];
    private final long[] runTimes = new long[threads.length];
    private final long[] waitTimes = new long[threads.length];
    private long now;
    /** When the threads were listed last; who is new has begun since then. */
    private long listedAt;

    private boolean first = true;
    private int untilList;
    private int turn;

    ThreadScan(TaskFiles files) {
        this.files = files;
        scan();
        first = false;
    }

    /** Whether this machine shows what is needed; else nothing here is known. */
    boolean works() {
        // A kernel without these figures says 0 0 0.
        return files.readTimes((int) ProcessHandle.current().pid()) && files.runTime > 0;
    }

    /** Looks at the threads now; what the accessors give is since the scan before. */
    public void scan() {
        now = System.nanoTime();
        read.clear();
        begun.clear();
        for (int i = 0; i < threads.length; i++) {
            threads[i] = 0;
            runTimes[i] = 0;
            waitTimes[i] = 0;
        }
        if (untilList-- <= 0 && files.list()) {
            compare();
            listedAt = now;
            untilList = files.count > MANY ? SECONDS_BETWEEN_LISTS_OF_MANY - 1 : 0;
        }
        int application = 0;
        for (Task task : tasks.values()) {
            threads[task.kind.ordinal()]++;
            application += task.kind == ThreadKind.APPLICATION ? 1 : 0;
        }
        int turns = (application + READS - 1) / READS;
        turn++;
        for (Task task : tasks.values()) {
            boolean due = turns <= 1
                    || task.isWatched
                    || task.kind != ThreadKind.APPLICATION
                    || task.tid % turns == turn % turns;
            // One that cannot be read has ended, and what it did last is missing; or no file could be opened for a
            // moment. The
            // next list will tell.
            task.isRead = due && readTimes(task);
        }
    }

    /** Takes in who is new and lets go of who is not there any more. */
    private void compare() {
        for (Task task : tasks.values()) {
            task.seen = false;
        }
        int looks = 0;
        for (int i = 0; i < files.count; i++) {
            int tid = files.tids[i];
            Task task = tasks.get(tid);
            if (task == null) {
                String name = files.name(tid);
                if (name == null) {
                    continue;
                }
                task = new Task(tid, name, listedAt, first);
                tasks.put(tid, task);
                begun.add(task);
            } else if (task.looksAtName < LOOKS_AT_NAME && looks < LOOKS_IN_A_SCAN) {
                looks++;
                task.looksAtName++;
                String name = files.name(tid);
                if (name != null && !name.equals(task.name)) {
                    task.name = name;
                    ThreadKind before = task.kind;
                    task.kind = ThreadKind.of(name);
                    if (before != task.kind) {
                        begun.add(task);
                    }
                }
            }
            task.seen = true;
        }
        tasks.values().removeIf(task -> !task.seen);
    }

    private boolean readTimes(Task task) {
        if (!files.readTimes(task.tid)) {
            return false;
        }
        if (files.runTime < task.lastRunTime) {
            // Another thread by now, with the number of one that has ended.
            task.lastRunTime = 0;
            task.lastWaitTime = 0;
            task.lastTimeslices = 0;
            task.looksAtName = 0;
        }
        // Its own moment: a safepoint may hold this scan up between two threads, and the GC meanwhile runs on.
        long readAt = System.nanoTime();
        task.interval = readAt - task.readAt;
        // More than the time that has passed is of before: a thread that no list showed for once, say.
        boolean isOfBefore = task.isUnknown
                || (!task.isKnown && (files.runTime > task.interval + SLACK || files.waitTime > task.interval + SLACK));
        task.isUnknown = false;
        task.isKnown = true;
        task.runTime = isOfBefore ? 0 : files.runTime - task.lastRunTime;
        task.waitTime = isOfBefore ? 0 : Math.max(0, files.waitTime - task.lastWaitTime);
        task.timeslices = isOfBefore ? 0 : Math.max(0, files.timeslices - task.lastTimeslices);
        task.lastRunTime = files.runTime;
        task.lastWaitTime = files.waitTime;
        task.lastTimeslices = files.timeslices;
        task.readAt = readAt;
        runTimes[task.kind.ordinal()] += task.runTime;
        waitTimes[task.kind.ordinal()] += task.waitTime;
        read.add(task);
        return true;
    }

    /** Threads that were read in the last scan. */
    List<Task> read() {
        return read;
    }

    /** Threads that came since the scan before, or have got a name that says more. */
    List<Task> begun() {
        return begun;
    }

    @Nullable
    Task task(int tid) {
        return tasks.get(tid);
    }

    int threads(ThreadKind kind) {
        return threads[kind.ordinal()];
    }

    /** Nanoseconds on a CPU of the threads of a kind that live. */
    long runTime(ThreadKind kind) {
        return runTimes[kind.ordinal()];
    }

    /** Nanoseconds that they waited for one. */
    long waitTime(ThreadKind kind) {
        return waitTimes[kind.ordinal()];
    }

    void close() {
        files.close();
    }
}
