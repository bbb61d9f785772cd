package dev.pitot.web.store;

import dev.pitot.web.live.DurationHistogram;
import java.util.Arrays;

/**
 * Counts of values in {@link Buckets}, as the column {@code hist} of the tiers has them. Histograms add up without loss. Not safe
 * for several threads.
 */
public final class Histogram {
    private int[] buckets = new int[4];
    private long[] counts = new long[4];
    private int length;
    private long total;

    /** Adds so many values of a bucket. */
    public void add(int bucket, long count) {
        int at = length > 0 && buckets[length - 1] < bucket
                ? -length - 1
                : Arrays.binarySearch(buckets, 0, length, bucket);
        if (at < 0) {
            at = -at - 1;
            if (length == buckets.length) {
                buckets = Arrays.copyOf(buckets, length * 2);
                counts = Arrays.copyOf(counts, length * 2);
            }
            System.arraycopy(buckets, at, buckets, at + 1, length - at);
            System.arraycopy(counts, at, counts, at + 1, length - at);
            buckets[at] = bucket;
            counts[at] = 0;
            length++;
        }
        counts[at] += count;
        total += count;
    }

    /** Adds all of another histogram. */
    public void add(Histogram other) {
        if (length + other.length <= 8) {
            for (int i = 0; i < other.length; i++) {
                add(other.buckets[i], other.counts[i]);
            }
            return;
        }
        int[] mergedBuckets = new int[length + other.length];
        long[] mergedCounts = new long[length + other.length];
        int n = 0;
        for (int i = 0, j = 0; i < length || j < other.length; n++) {
            boolean mine = j == other.length || i < length && buckets[i] <= other.buckets[j];
            boolean its = i == length || j < other.length && other.buckets[j] <= buckets[i];
            mergedBuckets[n] = mine ? buckets[i] : other.buckets[j];
            mergedCounts[n] = (mine ? counts[i++] : 0) + (its ? other.counts[j++] : 0);
        }
        buckets = mergedBuckets;
        counts = mergedCounts;
        length = n;
        total += other.total;
    }

    /** {@link DurationHistogram} and {@link Buckets} differ by this from 16 ns on. */
    private static final int SHIFT = Buckets.of(16) - DurationHistogram.bucket(16);

    /**
     * Adds durations as an agent's summary has them: without loss, as their buckets are the same ones.
     *
     * @param pairs {@code bucket:count …} of {@link DurationHistogram}; what is malformed is left out from there on
     * @param most of each count
     */
    public void addDurations(String pairs, long most) {
        DurationHistogram.read(
                pairs,
                (bucket, count) -> add(bucket < 16 ? Buckets.of(bucket) : bucket + SHIFT, Math.min(count, most)));
    }

    /** Told of each bucket. */
    public interface Sink {
        void bucket(int bucket, long count);
    }

    /** All buckets, ascending. */
    public void forEach(Sink sink) {
        for (int i = 0; i < length; i++) {
            sink.bucket(buckets[i], counts[i]);
        }
    }

    /** How many values were added. */
    public long total() {
        return total;
    }

    /**
     * The middle of the bucket of the value that a share of all does not exceed (nearest rank), {@code NaN} when there are none.
     *
     * @param share 0 to 1: 0.99 for p99
     */
    public double percentile(double share) {
        long rank = Math.max(1, (long) Math.ceil(share * total));
        long seen = 0;
        for (int i = 0; i < length; i++) {
            seen += counts[i];
            if (seen >= rank) {
                return Buckets.middle(buckets[i]);
            }
        }
        return Double.NaN;
    }

    /**
     * Adds the pairs {@code step:count} that {@link #toString} writes.
     *
     * @throws IllegalArgumentException when they are none
     */
    public void add(String pairs) {
        int bucket = 0;
        for (int at = 0; at < pairs.length(); ) {
            int end = pairs.indexOf(' ', at);
            end = end < 0 ? pairs.length() : end;
            int colon = pairs.indexOf(':', at);
            boolean one = colon < 0 || colon > end;
            bucket += Integer.parseInt(pairs, at, one ? end : colon, 10);
            add(bucket, one ? 1 : Long.parseLong(pairs, colon + 1, end, 10));
            at = end + 1;
        }
    }

    /**
     * As pairs {@code step:count}, ascending, separated by one blank: how far a bucket is from the one before, the first from 0;
     * {@code :1} is left out. So a minute takes less than half of the bytes that its buckets would.
     */
    @Override
    public String toString() {
        StringBuilder out = new StringBuilder(length * 4);
        for (int i = 0; i < length; i++) {
            out.append(i == 0 ? "" : " ").append(buckets[i] - (i == 0 ? 0 : buckets[i - 1]));
            if (counts[i] != 1) {
                out.append(':').append(counts[i]);
            }
        }
        return out.toString();
    }
}
