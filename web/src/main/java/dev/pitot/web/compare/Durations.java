package dev.pitot.web.compare;

import java.util.Map;
import java.util.TreeMap;

/**
 * How long the spans of one name took, by time bin: a histogram each, in the buckets of {@code docs/spec/data-model.md}. Not safe
 * for several threads.
 */
final class Durations {
    private static final int LEAST_EXPONENT = -64;

    private final int bins;
    private final TreeMap<Integer, double[]> counts = new TreeMap<>();
    private int[] buckets = new int[0];

    Durations(int bins) {
        this.bins = bins;
    }

    /** Counts that are none, as only a broken agent has them, are left out. */
    void add(int bucket, int bin, double count) {
        if (count <= 0) {
            return;
        }
        counts.computeIfAbsent(bucket, b -> new double[bins])[bin] += count;
    }

    void add(Durations other) {
        other.counts.forEach((bucket, row) -> {
            double[] sum = counts.computeIfAbsent(bucket, b -> new double[bins]);
            for (int t = 0; t < bins; t++) {
                sum[t] += row[t];
            }
        });
    }

    /** Only these bins. */
    Durations only(int[] kept) {
        Durations fewer = new Durations(kept.length);
        counts.forEach((bucket, row) -> {
            double[] some = new double[kept.length];
            for (int t = 0; t < kept.length; t++) {
                some[t] = row[kept[t]];
            }
            fewer.counts.put(bucket, some);
        });
        return fewer;
    }

    double total() {
        double total = 0;
        for (double[] row : counts.values()) {
            for (double count : row) {
                total += count;
            }
        }
        return total;
    }

    /** By bucket, ascending: how many spans up to it the first 0, 1, 2 … bins have ({@link Bootstrap#upTo}). */
    double[][] cumulative() {
        buckets = new int[counts.size()];
        double[][] upTo = new double[counts.size()][];
        double[] sum = new double[bins];
        int place = 0;
        for (Map.Entry<Integer, double[]> entry : counts.entrySet()) {
            for (int t = 0; t < bins; t++) {
                sum[t] += entry.getValue()[t];
            }
            buckets[place] = entry.getKey();
            upTo[place++] = Bootstrap.upTo(sum);
        }
        return upTo;
    }

    /**
     * The duration of a rank, as if those of a bucket were spread evenly (by their logarithm) over it; nanoseconds.
     *
     * @param place of the bucket among those of {@link #cumulative}
     * @param below spans in the buckets before it
     * @param upTo spans with those in it
     */
    double value(int place, double below, double upTo, double rank) {
        int bucket = buckets[place];
        double low = edge(bucket);
        return bucket <= 0 ? 0 : low * Math.pow(edge(bucket + 1) / low, (rank - below) / (upTo - below));
    }

    /** Where a bucket above 0 begins. */
    private static double edge(int bucket) {
        int place = bucket - 1;
        return Math.scalb(1 + (place % 16) / 16.0, place / 16 + LEAST_EXPONENT);
    }
}
