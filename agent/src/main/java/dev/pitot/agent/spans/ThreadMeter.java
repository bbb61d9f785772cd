package dev.pitot.agent.spans;

import com.sun.management.ThreadMXBean;
import dev.pitot.agent.counters.RunQueue;
import dev.pitot.agent.counters.ThreadCounters;
import java.lang.management.ThreadInfo;
import org.jspecify.annotations.Nullable;

/**
 * The clocks and counters of one thread, read by that thread only, without allocating but for a {@link ThreadInfo} now and then; those
 * of a carrier also by the virtual thread that is mounted on it and pinned. A virtual thread itself has a wall clock and the waits
 * that the JDK's methods tell of.
 *
 * <p>Two readings are dear, the run-queue wait (a read of 0.7 us) and the thread's blocked and waited time (0.3 us). Both change
 * only while the thread is off its CPU: as long as it was off for less than {@link #RUN_QUEUE_GRAIN} and {@link #BLOCKED_GRAIN} since
 * the last reading, that reading still holds to so much.
 */
class ThreadMeter {
    /** Nanoseconds; so exact is the run-queue wait of a span. */
    private static final long RUN_QUEUE_GRAIN = 20_000;
    /** Nanoseconds; the JVM tells blocked and waited time in whole milliseconds. */
    private static final long BLOCKED_GRAIN = 1_000_000;

    private static final long MILLI = 1_000_000;

    /** Where everything stood; made once for each depth of nesting and used again. */
    static final class Mark {
        long wall;
        long cpuTime;
        long allocated;
        long runQueueWait;
        long blocked;
        long waited;
        long pauses;
        long pausesInWaits;
        final long[] waits = new long[Part.COUNT];
        final ThreadCounters.@Nullable Mark counters;
        /** Of a virtual thread: what it had cost its carriers. */
        final @Nullable Cost sofar;

        boolean hasWaits;
        long readings;
        long mounts;

        private Mark(ThreadCounters.@Nullable Mark counters, @Nullable Cost sofar) {
            this.counters = counters;
            this.sofar = sofar;
        }
    }

    private final long threadId;
    private final @Nullable ThreadMXBean threads;
    private final @Nullable RunQueue runQueue;
    final ThreadCounters.@Nullable Span counters;
    private final int places;
    private final Pauses pauses;
    private final Shedding shedding;
    /** Whether other threads are mounted on this one: its waits are not theirs, and it is not always the current one. */
    private final boolean carrier;

    /** Nanoseconds in waits so far, by {@link Part}; those that a nested span took in it are that span's. */
    final long[] waits = new long[Part.COUNT];
    /** JVM pauses within these waits: the thread would have waited anyway. */
    long pausesInWaits;

    private long runQueueWait = Long.MIN_VALUE;
    private long runQueueAtWall = Long.MIN_VALUE;
    private long runQueueAtCpu;
    private long blocked;
    private long waited;
    private long blockedAtWall = Long.MIN_VALUE;
    private long blockedAtCpu;
    private boolean refused;
    /** How often something dear was read. */
    private long readings;

    private long readingsTaken;
    /** What the JVM tells of the whole thread and belongs to spans that have ended within others. */
    private long blockedInNested;

    private long waitedInNested;

    /** @param threadId of the calling thread, or 0: always known of a carrier */
    ThreadMeter(
            long threadId,
            @Nullable ThreadMXBean threads,
            @Nullable RunQueue runQueue,
            ThreadCounters.@Nullable Span counters,
            int places,
            Pauses pauses,
            Shedding shedding,
            boolean carrier) {
        this.threadId = threadId;
        this.threads = threads;
        this.runQueue = runQueue;
        this.counters = counters;
        this.places = places;
        this.pauses = pauses;
        this.shedding = shedding;
        this.carrier = carrier;
    }

    Mark newMark() {
        return new Mark(counters == null ? null : counters.newMark(), null);
    }

    /** Of a thread without counters of its own. */
    static Mark newMark(Cost sofar) {
        return new Mark(null, sofar);
    }

    int places() {
        return places;
    }

    /** @param counted whether counters are read */
    void mark(Mark mark, boolean counted) {
        ThreadMXBean bean = threads;
        mark.cpuTime = Long.MIN_VALUE;
        mark.allocated = Long.MIN_VALUE;
        mark.hasWaits = shedding.readsWaits();
        if (bean != null) {
            long cpuTime = cpuTime(bean);
            if (mark.hasWaits && readOffCpu(System.nanoTime(), cpuTime)) {
                cpuTime = cpuTime(bean);
            }
            mark.cpuTime = cpuTime < 0 ? Long.MIN_VALUE : cpuTime;
        }
        mark.runQueueWait = runQueueWait;
        mark.blocked = blocked - blockedInNested;
        mark.waited = waited - waitedInNested;
        System.arraycopy(waits, 0, mark.waits, 0, waits.length);
        mark.pausesInWaits = pausesInWaits;
        if (counters != null && mark.counters != null) {
            if (counted) {
                counters.mark(mark.counters);
            } else {
                mark.counters.forget();
            }
        }
        if (bean != null) {
            long bytes = allocated(bean);
            mark.allocated = bytes < 0 ? Long.MIN_VALUE : bytes;
        }
        mark.readings = readings;
        mark.pauses = pauses.total();
        mark.wall = System.nanoTime();
    }

    /**
     * What was spent since a mark, the other way round.
     *
     * @param parts of the wall time by {@link Part}, without what only {@link Split} can tell; valid until the next call
     * @return nanoseconds of wall time
     */
    long since(Mark mark, Cost cost, Split parts) {
        long wall = System.nanoTime();
        long paused = pauses.total() - mark.pauses - (pausesInWaits - mark.pausesInWaits);
        cost.unknown();
        parts.readings = readings - mark.readings;
        // Given up at one end, it tells nothing of what lies between both.
        boolean hasWaits = mark.hasWaits && shedding.readsWaits();
        ThreadMXBean bean = threads;
        if (bean != null) {
            long bytes = allocated(bean);
            cost.allocated = bytes < 0 ? Long.MIN_VALUE : Cost.difference(bytes, mark.allocated);
        }
        if (counters != null && mark.counters != null && counters.since(mark.counters, cost.counts)) {
            cost.enabled = counters.enabledNanos();
            cost.running = counters.runningNanos();
            cost.source = counters.source();
        }
        if (bean != null) {
            long cpuTime = cpuTime(bean);
            cost.cpuTime = cpuTime < 0 ? Long.MIN_VALUE : Cost.difference(cpuTime, mark.cpuTime);
            if (hasWaits) {
                readOffCpu(wall, cpuTime);
                cost.runQueueWait = Cost.difference(runQueueWait, mark.runQueueWait);
            }
        }
        parts.blocked = hasWaits ? blocked - blockedInNested - mark.blocked : 0;
        parts.waited = hasWaits ? waited - waitedInNested - mark.waited : 0;
        parts.pauses = paused;
        for (int part = 0; part < Part.COUNT; part++) {
            parts.waits[part] = waits[part] - mark.waits[part];
        }
        return wall - mark.wall;
    }

    private long cpuTime(ThreadMXBean bean) {
        return carrier ? bean.getThreadCpuTime(threadId) : bean.getCurrentThreadCpuTime();
    }

    private long allocated(ThreadMXBean bean) {
        return carrier ? bean.getThreadAllocatedBytes(threadId) : bean.getCurrentThreadAllocatedBytes();
    }

    /** No span is open on the thread any more. */
    void rest() {}

    /** Reads anew what may have changed since it was read. */
    private boolean readOffCpu(long wall, long cpuTime) {
        boolean read = false;
        if (runQueue != null && isStale(runQueueAtWall, runQueueAtCpu, wall, cpuTime, RUN_QUEUE_GRAIN)) {
            runQueueWait = runQueue.read();
            runQueueAtWall = wall;
            runQueueAtCpu = cpuTime;
            read = true;
        }
        ThreadMXBean bean = threads;
        if (bean != null
                && threadId > 0
                && !carrier
                && !refused
                && isStale(blockedAtWall, blockedAtCpu, wall, cpuTime, BLOCKED_GRAIN)) {
            readBlocked(bean);
            blockedAtWall = wall;
            blockedAtCpu = cpuTime;
            read = true;
        }
        if (read) {
            readings++;
        }
        return read;
    }

    /** How often since the last call something dear was read, each time after a wait. */
    long takeReadings() {
        long since = readings - readingsTaken;
        readingsTaken = readings;
        return since;
    }

    /** Reads the run-queue wait as after a wait of less than a millisecond, the least that is read then, whether it can have changed or not. */
    void readAnew() {
        ThreadMXBean bean = threads;
        if (bean != null) {
            long cpuTime = cpuTime(bean);
            runQueueAtWall = Long.MIN_VALUE;
            readOffCpu(System.nanoTime(), cpuTime);
        }
    }

    /** A security manager may ask for a permission that the application on this stack does not have, and each time takes microseconds to. */
    private void readBlocked(ThreadMXBean bean) {
        try {
            ThreadInfo info = bean.getThreadInfo(threadId);
            if (info != null && info.getBlockedTime() >= 0) {
                blocked = info.getBlockedTime() * MILLI;
                waited = info.getWaitedTime() * MILLI;
            }
        } catch (SecurityException notAllowed) {
            refused = true;
        }
    }

    private static boolean isStale(long atWall, long atCpu, long wall, long cpuTime, long grain) {
        return atWall == Long.MIN_VALUE || cpuTime < 0 || wall - atWall - (cpuTime - atCpu) >= grain;
    }

    /**
     * A nested span has ended: for the span around it, what it waited for is this one part, whatever its own waits were for.
     *
     * @param mark of the nested span
     * @param split what {@link #since} said of it
     */
    void fold(Mark mark, Split split, int part, long nanos) {
        System.arraycopy(mark.waits, 0, waits, 0, waits.length);
        waits[part] += nanos;
        blockedInNested += split.blocked;
        waitedInNested += split.waited;
    }

    /** CPU nanoseconds of the thread so far, on any thread; {@link Long#MIN_VALUE} where that is not known. */
    long cpuTime() {
        long nanos = threads == null || threadId <= 0 ? -1 : threads.getThreadCpuTime(threadId);
        return nanos < 0 ? Long.MIN_VALUE : nanos;
    }

    long pauses() {
        return pauses.total();
    }

    /** Whether the thread waits for what is read here, and not for what it does. */
    boolean isReading() {
        return runQueue != null && runQueue.isReading();
    }
}
