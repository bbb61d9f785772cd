package dev.pitot.agent.spans;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a piece of work cost the threads that did it. {@link Long#MIN_VALUE} and NaN are what could not be had, and so is every
 * sum with one of them. Not thread-safe.
 */
final class Cost {
    /** Nanoseconds of CPU time, nanoseconds in a run queue, bytes. */
    long cpuTime;

    long runQueueWait;
    long allocated;
    /** By the places of {@link dev.pitot.agent.counters.ThreadCounters}. */
    final double[] counts;
    /** Nanoseconds in which the counters should have run, and did. */
    long enabled;

    long running;
    /** Where the counters were read, or null. */
    @Nullable
    String source;

    Cost(int places) {
        counts = new double[places];
    }

    /** Nothing at all, which is known. */
    void clear() {
        cpuTime = 0;
        runQueueWait = 0;
        allocated = 0;
        Arrays.fill(counts, 0);
        enabled = 0;
        running = 0;
        source = null;
    }

    void unknown() {
        cpuTime = Long.MIN_VALUE;
        runQueueWait = Long.MIN_VALUE;
        allocated = Long.MIN_VALUE;
        uncounted();
    }

    void uncounted() {
        Arrays.fill(counts, Double.NaN);
        enabled = 0;
        running = 0;
        source = null;
    }

    void set(Cost other) {
        cpuTime = other.cpuTime;
        runQueueWait = other.runQueueWait;
        allocated = other.allocated;
        System.arraycopy(other.counts, 0, counts, 0, counts.length);
        enabled = other.enabled;
        running = other.running;
        source = other.source;
    }

    void add(Cost other) {
        cpuTime = sum(cpuTime, other.cpuTime);
        runQueueWait = sum(runQueueWait, other.runQueueWait);
        allocated = sum(allocated, other.allocated);
        for (int i = 0; i < counts.length; i++) {
            counts[i] += other.counts[i];
        }
        enabled += other.enabled;
        running += other.running;
        source = other.source == null ? source : other.source;
    }

    /** Takes off a part of this, which the clocks may have seen a little larger than the whole. */
    void subtract(Cost part) {
        cpuTime = difference(cpuTime, part.cpuTime);
        runQueueWait = difference(runQueueWait, part.runQueueWait);
        allocated = difference(allocated, part.allocated);
        for (int i = 0; i < counts.length; i++) {
            counts[i] = Math.max(0, counts[i] - part.counts[i]);
        }
    }

    /**
     * Of one thread, which had no more nanoseconds than these: where it lost its CPU between the reading of that clock and of the
     * others, the others have seen more.
     */
    void within(long wall) {
        if (cpuTime > wall) {
            cpuTime = wall;
        }
        long queued = wall - Math.max(0, cpuTime);
        if (runQueueWait > queued) {
            runQueueWait = queued;
        }
    }

    static long sum(long a, long b) {
        return a == Long.MIN_VALUE || b == Long.MIN_VALUE ? Long.MIN_VALUE : a + b;
    }

    /** Never below 0. */
    static long difference(long a, long b) {
        return a == Long.MIN_VALUE || b == Long.MIN_VALUE ? Long.MIN_VALUE : Math.max(0, a - b);
    }
}
