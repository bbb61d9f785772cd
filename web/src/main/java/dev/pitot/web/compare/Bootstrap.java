package dev.pitot.web.compare;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * How much a figure of one side would differ had the same load been measured at another time: a circular block bootstrap over
 * the side's time bins. A figure is a quotient of sums over all bins, or a percentile of all spans in them; a resample draws
 * blocks of neighbouring bins, with all that happened in them, until there are as many bins as before. All figures are drawn
 * from the same table of random numbers, so that the same data has the same answer. Not safe for several threads.
 */
final class Bootstrap {
    static final int RESAMPLES = 1_000;

    /** Of the autocorrelation between neighbouring bins: beyond, so few bins say nothing of it. */
    private static final double MOST_CORRELATION = 0.9;

    private final int bins;
    private final int[][] starts;

    /** @param seed of the random numbers: another one for each side */
    Bootstrap(int bins, long seed) {
        this.bins = bins;
        SplittableRandom random = new SplittableRandom(seed);
        starts = new int[RESAMPLES][bins];
        for (int[] row : starts) {
            Arrays.setAll(row, i -> random.nextInt(bins));
        }
    }

    /**
     * The quotient of two sums.
     *
     * @param above by bin
     * @param below by bin
     * @param logarithm whether the error wanted is that of the logarithm
     */
    Estimate quotient(double[] above, double[] below, boolean logarithm) {
        double a = sum(above);
        double b = sum(below);
        double value = a / b;
        if (!(b > 0) || logarithm && !(a > 0)) {
            return new Estimate(b > 0 ? value : Double.NaN, Double.NaN, 1);
        }
        double[] influence = new double[bins];
        Arrays.setAll(influence, t -> above[t] - value * below[t]);
        double correlation = correlation(influence);
        int length = blockLength(correlation);
        double[] aboveUpTo = upTo(above);
        double[] belowUpTo = upTo(below);
        double[] drawn = new double[RESAMPLES];
        for (int r = 0; r < RESAMPLES; r++) {
            double quotient = drawn(aboveUpTo, starts[r], length) / drawn(belowUpTo, starts[r], length);
            drawn[r] = logarithm ? Math.log(quotient) : quotient;
        }
        return estimate(value, drawn, correlation, length);
    }

    /**
     * A percentile of all spans, interpolated within its bucket.
     *
     * @param share 0.99 for p99
     */
    Estimate percentile(Durations durations, double share) {
        double[][] upTo = durations.cumulative();
        int last = upTo.length - 1;
        if (last < 0) {
            return Estimate.NONE;
        }
        double total = upTo[last][bins];
        int at = 0;
        while (upTo[at][bins] < share * total) {
            at++;
        }
        double value = durations.value(at, at == 0 ? 0 : upTo[at - 1][bins], upTo[at][bins], share * total);
        if (!(value > 0)) {
            return new Estimate(value, Double.NaN, 1);
        }
        double[] influence = new double[bins];
        for (int t = 0; t < bins; t++) {
            influence[t] = upTo[at][t + 1] - upTo[at][t] - share * (upTo[last][t + 1] - upTo[last][t]);
        }
        double correlation = correlation(influence);
        int length = blockLength(correlation);
        double[] drawn = new double[RESAMPLES];
        for (int r = 0; r < RESAMPLES; r++) {
            int[] row = starts[r];
            double rank = share * drawn(upTo[last], row, length);
            // Most resamples have it in the same bucket or one beside it.
            int bucket = at;
            double high = drawn(upTo[bucket], row, length);
            while (high < rank) {
                high = drawn(upTo[++bucket], row, length);
            }
            double low = bucket == 0 ? 0 : drawn(upTo[bucket - 1], row, length);
            while (low >= rank && bucket > 0) {
                high = low;
                low = --bucket == 0 ? 0 : drawn(upTo[bucket - 1], row, length);
            }
            drawn[r] = rank > 0 ? Math.log(durations.value(bucket, low, high, rank)) : Double.NaN;
        }
        return estimate(value, drawn, correlation, length);
    }

    private static double sum(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    /** Sums of the first 0, 1, 2 … bins, which begin again after the last one. */
    static double[] upTo(double[] values) {
        int n = values.length;
        double[] upTo = new double[2 * n + 1];
        for (int i = 0; i < 2 * n; i++) {
            upTo[i + 1] = upTo[i] + values[i < n ? i : i - n];
        }
        return upTo;
    }

    private double drawn(double[] upTo, int[] row, int length) {
        double sum = 0;
        int left = bins;
        for (int k = 0; left > 0; k++, left -= length) {
            int start = row[k];
            sum += upTo[start + Math.min(length, left)] - upTo[start];
        }
        return sum;
    }

    /** Between neighbouring bins, its downward bias in short series taken off (Kendall 1954); not negative. */
    private double correlation(double[] influence) {
        double mean = sum(influence) / bins;
        double all = 0;
        double neighbours = 0;
        for (int t = 0; t < bins; t++) {
            all += (influence[t] - mean) * (influence[t] - mean);
            if (t > 0) {
                neighbours += (influence[t] - mean) * (influence[t - 1] - mean);
            }
        }
        double found = all > 0 && bins > 4 ? (bins * neighbours / all + 1) / (bins - 4) : 0;
        return Math.max(0, Math.min(MOST_CORRELATION, found));
    }

    /** n^(1/3) bins, more where they are correlated (Carlstein 1986); never more than a quarter of all. */
    private int blockLength(double correlation) {
        double root = Math.cbrt(bins);
        double wanted = Math.pow(2 * correlation / (1 - correlation * correlation), 2.0 / 3) * root;
        return (int) Math.max(1, Math.min(bins / 4, Math.ceil(Math.max(root, wanted))));
    }

    /**
     * Blocks see no dependence beyond their own length, and a side has few of them. So the error is enlarged by what a first-order
     * process of that correlation lacks in blocks of that length, and its degrees of freedom are those of so many blocks that overlap.
     */
    private Estimate estimate(double value, double[] drawn, double correlation, int length) {
        int good = 0;
        double mean = 0;
        double squares = 0;
        for (double one : drawn) {
            if (!Double.isNaN(one) && !Double.isInfinite(one)) {
                good++;
                double step = one - mean;
                mean += step / good;
                squares += step * (one - mean);
            }
        }
        if (good < RESAMPLES * 0.95) {
            return new Estimate(value, Double.NaN, 1);
        }
        double seen = 1;
        for (int k = 1; k < length; k++) {
            seen += 2 * (1 - (double) k / length) * Math.pow(correlation, k);
        }
        double whole = (1 + correlation) / (1 - correlation);
        double variance = squares / (good - 1) * whole / seen * bins / (bins - length);
        return new Estimate(value, Math.sqrt(variance), Math.max(2, 1.5 * bins / length - 1));
    }
}
