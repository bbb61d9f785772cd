package dev.pitot.web.ingest;

import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** How long posts waited until they were durable, counted in buckets. Any thread. */
public final class CommitTimes {
    private static final double[] BOUNDS = {
        0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 20, Double.POSITIVE_INFINITY
    };

    private final LongAdder[] counts = new LongAdder[BOUNDS.length];
    private final DoubleAdder sum = new DoubleAdder();

    CommitTimes() {
        for (int i = 0; i < counts.length; i++) {
            counts[i] = new LongAdder();
        }
    }

    void add(long nanos) {
        double seconds = nanos / 1e9;
        int bucket = 0;
        while (seconds > BOUNDS[bucket]) {
            bucket++;
        }
        counts[bucket].increment();
        sum.add(seconds);
    }

    /** Upper bounds of the buckets in seconds; the last is infinite. */
    public double[] bounds() {
        return BOUNDS.clone();
    }

    /** Posts in each bucket. */
    public long[] counts() {
        long[] now = new long[counts.length];
        for (int i = 0; i < now.length; i++) {
            now[i] = counts[i].sum();
        }
        return now;
    }

    /** Seconds of all of them. */
    public double sum() {
        return sum.sum();
    }
}
