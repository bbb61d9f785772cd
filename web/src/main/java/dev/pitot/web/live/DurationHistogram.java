package dev.pitot.web.live;

import java.util.Arrays;

/**
 * Counts of durations in logarithmic buckets, 16 to each power of two, as {@code docs/spec/events.md} defines them. Histograms
 * add up without loss; a percentile is the middle of its bucket and at most 3.2 % off. Not safe for several threads.
 */
public final class DurationHistogram {
    /** Buckets of all non-negative longs. */
    public static final int BUCKETS = 960;

    private long[] counts = new long[0];
    private long total;

    /** The bucket of a duration in nanoseconds; negative ones count as 0. */
    public static int bucket(long nanos) {
        if (nanos < 16) {
            return (int) Math.max(0, nanos);
        }
        int e = 63 - Long.numberOfLeadingZeros(nanos);
        return (e - 3) * 16 + (int) ((nanos >> (e - 4)) & 15);
    }

    /** Nanoseconds at which a bucket begins. */
    public static long start(int bucket) {
        return bucket < 16 ? bucket : (16L + bucket % 16) << (bucket / 16 - 1);
    }

    private static double middle(int bucket) {
        // Below 32 a bucket holds one value.
        return bucket < 32 ? start(bucket) : start(bucket) + (1L << (bucket / 16 - 1)) / 2.0;
    }

    /** What becomes of the pairs of a summary's text. */
    public interface Pairs {
        /**
         * Takes one pair.
         *
         * @param bucket 0 to {@link #BUCKETS} - 1
         * @param count not negative
         */
        void add(int bucket, long count);
    }

    /**
     * Adds the pairs {@code bucket:count bucket:count …} of one summary. What is malformed is left out from there on: an agent's
     * text never stops the collector.
     *
     * @return whether all of it was understood
     */
    public boolean add(String pairs) {
        return read(pairs, this::add);
    }

    /** Reads the pairs of one summary, up to what is malformed; returns whether all of it was understood. */
    public static boolean read(String pairs, Pairs into) {
        int at = 0;
        int length = pairs.length();
        while (at < length) {
            long bucket = 0;
            int digits = at;
            while (at < length && isDigit(pairs.charAt(at)) && at - digits < 4) {
                bucket = bucket * 10 + pairs.charAt(at++) - '0';
            }
            if (at == digits || at >= length || pairs.charAt(at++) != ':' || bucket >= BUCKETS) {
                return false;
            }
            long count = 0;
            digits = at;
            while (at < length && isDigit(pairs.charAt(at)) && at - digits < 15) {
                count = count * 10 + pairs.charAt(at++) - '0';
            }
            if (at == digits || (at < length && pairs.charAt(at++) != ' ')) {
                return false;
            }
            into.add((int) bucket, count);
        }
        return true;
    }

    /** Adds {@code count} durations of one bucket. */
    public void add(int bucket, long count) {
        if (bucket >= counts.length) {
            counts = Arrays.copyOf(counts, Math.min(BUCKETS, bucket + 64));
        }
        counts[bucket] += count;
        total += count;
    }

    /** Adds all of another histogram. */
    public void add(DurationHistogram other) {
        for (int bucket = 0; bucket < other.counts.length; bucket++) {
            if (other.counts[bucket] > 0) {
                add(bucket, other.counts[bucket]);
            }
        }
    }

    /** How many durations were added. */
    public long total() {
        return total;
    }

    /**
     * The duration in nanoseconds that a share of all does not exceed (nearest rank), {@code NaN} when there are none.
     *
     * @param share 0 to 1: 0.99 for p99
     */
    public double percentile(double share) {
        if (total == 0) {
            return Double.NaN;
        }
        long rank = Math.max(1, (long) Math.ceil(share * total));
        long seen = 0;
        for (int bucket = 0; bucket < counts.length; bucket++) {
            seen += counts[bucket];
            if (seen >= rank) {
                return middle(bucket);
            }
        }
        throw new IllegalStateException("counts and total differ");
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }
}
