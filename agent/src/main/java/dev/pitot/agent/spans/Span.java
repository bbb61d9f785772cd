package dev.pitot.agent.spans;

import dev.pitot.events.HttpRequest;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * One request, from its handler's begin to its end, on whatever threads. Its own thread and those that work for it add what they
 * did under a flag that is held for some nanoseconds; after its end nothing is added any more. Holds nothing of the application.
 */
final class Span {
    /** Nanoseconds, of CPU time where that is known. */
    private static final long GRACE = 1_000_000;

    private static final @Nullable Frame[] NONE = {};
    private static final long[] NO_TIMES = {};
    /** Looks at a taken flag, some 10 us, before a thread gives way: whoever holds it may have lost its CPU. */
    private static final int SPINS = 500;

    private static final AtomicIntegerFieldUpdater<Span> FLAG =
            AtomicIntegerFieldUpdater.newUpdater(Span.class, "flag");

    /**
     * Taken by {@link #take}. Given back by setting it to 0 and not by a method: a thread of the application may be at the end of its
     * stack, where no method can be called, and nobody would ever take the flag again.
     */
    volatile int flag;

    final HttpRequest event = new HttpRequest();
    final long id;
    /** Clock at the mark that its first thread made. */
    long begun;

    /** Its first thread, until it is finished. */
    volatile @Nullable SpanThread home;

    /** What tasks that wait to be run know it by, from the first on that is handed over until it ends. */
    private volatile @Nullable Link link;

    /** Tasks handed to other threads; about, as several threads may count. */
    int handedOver;
    /** Further ones, which were not followed; about. */
    int unfollowed;
    /** As it came in, or null. */
    volatile @Nullable String traceparent;

    /** The same; set before it. */
    @Nullable
    String tracestate;

    /** What its client wrote, where events carry that. */
    volatile @Nullable Shown shown;

    /** Of a framework, which goes before the server's. */
    volatile @Nullable String route;

    /** What follows is read and written while {@link #flag} is taken. */
    boolean returned;

    boolean completed;
    /** Threads that go on with its handling now. */
    int handlers;

    volatile boolean ended;
    boolean async;
    int status;

    @Nullable
    String method;

    @Nullable
    String path;

    @Nullable
    String serverRoute;

    @Nullable
    String error;

    long completedAt;
    /** What was done on other threads, and by an asynchronous request on its own; null when that was nothing. */
    @Nullable
    Cost all;

    @Nullable
    Cost own;

    final long[] parts = new long[Part.COUNT];
    /** Wall time that {@link #parts} add up to. */
    long covered;

    long otherThreads;
    /** The tasks that threads are at work in for it, as many as {@link #active} says. */
    private @Nullable Frame[] tasks = NONE;

    int active;
    /** Those tasks when it ended, and CPU nanoseconds of their threads then. */
    private @Nullable Frame[] tasksAtEnd = NONE;

    private long[] cpuTimesAtEnd = NO_TIMES;

    /** Whether it has ended and is not finished, as {@link #active} threads are about to end their tasks. */
    volatile boolean postponed;

    /** What is known of a synchronous one that is {@link #postponed}. */
    @Nullable
    Done done;

    /** When it was {@link #postponed}. */
    long endedAt;

    final long[] extras = new long[Done.EXTRAS];

    Span(long id) {
        this.id = id;
    }

    /** By which a task finds its request, while that has not ended: all that is held of a request by tasks that are never run. */
    static final class Link {
        volatile @Nullable Span span;

        private Link(Span span) {
            this.span = span;
        }
    }

    /** Null when it has ended. */
    @Nullable
    Link link() {
        Link known = link;
        if (known != null) {
            return known;
        }
        take();
        try {
            if (link == null && !ended) {
                link = new Link(this);
            }
            return link;
        } finally {
            flag = 0;
        }
    }

    void take() {
        int spins = 0;
        while (!FLAG.compareAndSet(this, 0, 1)) {
            if (++spins % SPINS != 0 || isScheduledByTheJdk(Thread.currentThread())) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
    }

    /** A virtual thread must not change its carrier in the midst of what the JDK has called this from. */
    private static boolean isScheduledByTheJdk(Thread thread) {
        return thread.getClass().getName().equals("java.lang.VirtualThread");
    }

    /** A task of it has begun; false when it has ended. */
    boolean enter(Frame task) {
        take();
        try {
            if (ended) {
                return false;
            }
            if (active == tasks.length) {
                tasks = Arrays.copyOf(tasks, Math.max(2, active * 2));
            }
            // All of it or nothing: from here on there is no call that could be one too many for the stack.
            tasks[active] = task;
            active++;
            handlers += task.handles ? 1 : 0;
            return true;
        } finally {
            flag = 0;
        }
    }

    /** A task of it ends, if it had begun; within the flag. */
    void leave(Frame task) {
        for (int i = 0; i < active; i++) {
            if (tasks[i] == task) {
                active--;
                tasks[i] = tasks[active];
                tasks[active] = null;
                handlers -= task.handles ? 1 : 0;
                return;
            }
        }
    }

    /**
     * It has ended; within the flag.
     *
     * @param known what is known of a synchronous one, else null
     * @return true to finish it now, false when that is left to the last of the tasks that other threads are in: {@link #readTasks}
     *     follows
     */
    boolean end(@Nullable Done known) {
        if (active > 0) {
            tasksAtEnd = Arrays.copyOf(tasks, active);
            cpuTimesAtEnd = new long[active];
            Arrays.fill(cpuTimesAtEnd, Long.MIN_VALUE);
            done = known == null ? null : known.copy();
            endedAt = System.nanoTime();
            postponed = true; // Only now that nothing can fail any more, for want of memory or stack.
        }
        ended = true;
        Link its = link;
        if (its != null) {
            its.span = null;
            link = null;
        }
        return !postponed;
    }

    /** After its end and without the flag, as it takes half a microsecond for each task: where their threads stand. */
    void readTasks() {
        @Nullable Frame[] theirs = tasksAtEnd;
        long[] times = cpuTimesAtEnd;
        for (int i = 0; i < theirs.length; i++) {
            Frame task = theirs[i];
            times[i] = task == null ? Long.MIN_VALUE : task.meter.cpuTime();
        }
    }

    /**
     * Whether a task that ends now is a part of it; within the flag. A task's last act is often to wake the thread that waits for it,
     * which may end the request before the task has ended: it is then all but done.
     */
    boolean counts(Frame task) {
        if (!ended) {
            return true;
        }
        if (!postponed) {
            return false;
        }
        for (int i = 0; i < tasksAtEnd.length; i++) {
            if (tasksAtEnd[i] == task && cpuTimesAtEnd[i] != Long.MIN_VALUE) {
                return task.meter.cpuTime() - cpuTimesAtEnd[i] < GRACE;
            }
        }
        return System.nanoTime() - endedAt < GRACE;
    }

    /** Whether the last of the tasks that it waited for is done; within the flag. */
    boolean isSettled() {
        return postponed && active == 0;
    }

    /** Whether it has an answer and nobody goes on with its handling any more, and nobody has ended it yet; within the flag. */
    boolean isHandled() {
        return !ended && completed && returned && handlers == 0;
    }

    /** Whether whoever asks is to finish it; once. */
    boolean takePostponed() {
        take();
        boolean mine = postponed;
        postponed = false;
        tasksAtEnd = NONE;
        cpuTimesAtEnd = NO_TIMES;
        flag = 0;
        return mine;
    }

    /** Adds the work of one thread; within the flag. */
    void add(Cost inclusive, Cost exclusive) {
        Cost sum = all;
        Cost rest = own;
        if (sum == null || rest == null) {
            sum = new Cost(inclusive.counts.length);
            rest = new Cost(inclusive.counts.length);
            sum.clear();
            rest.clear();
            all = sum;
            own = rest;
        }
        sum.add(inclusive);
        rest.add(exclusive);
    }

    /** Within the flag. */
    void cover(Split split, long wall) {
        for (int part = 0; part < Part.COUNT; part++) {
            // Of a virtual thread some are not known, and then of all threads together.
            parts[part] = Cost.sum(parts[part], split.parts[part]);
        }
        covered += wall;
    }

    /** One more, and for how long. */
    void count(int extra, int extraNanos, long nanos) {
        take();
        extras[extra]++;
        extras[extraNanos] += nanos;
        flag = 0;
    }

    void count(int extra) {
        take();
        extras[extra]++;
        flag = 0;
    }
}
