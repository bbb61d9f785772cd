package dev.pitot.agent.samplers.host;

import java.util.Arrays;

/**
 * What some totals grew by since the previous reading. N/A ({@link Long#MIN_VALUE} or NaN) while either reading is, and when a
 * total steps back, as one does that wraps or whose device was replaced. Not thread-safe.
 */
final class Differences {
    private final long[] before;
    private long readAt;
    private long interval;
    private boolean started;

    Differences(int totals) {
        before = new long[totals];
        Arrays.fill(before, Long.MIN_VALUE);
    }

    /** Begins a reading at this {@link System#nanoTime}; false for the first one, which differs from nothing. */
    boolean begin(long now) {
        boolean follows = started;
        interval = now - readAt;
        readAt = now;
        started = true;
        return follows;
    }

    /** Nanoseconds from the previous reading to this one. */
    long interval() {
        return interval;
    }

    /** Remembers this total and gives back what it grew by, times {@code unit}. */
    long of(int total, long now, long unit) {
        long previous = before[total];
        before[total] = now;
        if (now == Long.MIN_VALUE || previous == Long.MIN_VALUE || now < previous) {
            return Long.MIN_VALUE;
        }
        return (now - previous) * unit;
    }

    /** The same for a total that the kernel estimates and that may step back a little: that is a zero. */
    long ofEstimate(int total, long now, long unit) {
        long previous = before[total];
        long difference = of(total, now, unit);
        return now != Long.MIN_VALUE && now < previous ? 0 : difference;
    }

    /** The same as a number; NaN for N/A. */
    double count(int total, long now) {
        return number(of(total, now, 1));
    }

    /** A value in the other convention for N/A. */
    static double number(long value) {
        return value == Long.MIN_VALUE ? Double.NaN : value;
    }
}
