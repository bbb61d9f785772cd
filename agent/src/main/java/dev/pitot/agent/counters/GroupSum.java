package dev.pitot.agent.counters;

import java.util.Arrays;

/**
 * What the same group of events counted on several threads (or CPUs) since the previous sample, each thread scaled by its own
 * enabled / running time. One thread at a time.
 */
final class GroupSum {
    private final double[] sums;
    /** The same unscaled. */
    private final double[] counted;
    /** Nanoseconds that each event was enabled, those of them that the sum stands for, and those that it really ran. */
    private final double[] due;

    private final double[] known;
    private final double[] ran;

    GroupSum(int events) {
        sums = new double[events];
        counted = new double[events];
        due = new double[events];
        known = new double[events];
        ran = new double[events];
    }

    void clear() {
        Arrays.fill(sums, 0);
        Arrays.fill(counted, 0);
        Arrays.fill(due, 0);
        Arrays.fill(known, 0);
        Arrays.fill(ran, 0);
    }

    /** Adds what one thread's group counted between two readings. */
    void add(int event, long value, long enabled, long running) {
        double scaled = Scaling.scale(value, enabled, running);
        due[event] += enabled;
        ran[event] += Math.min(enabled, running);
        counted[event] += value;
        if (!Double.isNaN(scaled)) {
            known[event] += enabled;
            sums[event] += scaled;
        }
    }

    /** Takes in another sum of the same group. */
    void add(GroupSum other) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += other.sums[i];
            counted[i] += other.counted[i];
            due[i] += other.due[i];
            known[i] += other.known[i];
            ran[i] += other.ran[i];
        }
    }

    /**
     * Takes away what is in another sum of the same group, as its threads were counted here too. Never below nothing: two
     * estimates of the same may differ.
     */
    void subtract(GroupSum other) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] = Math.max(0, sums[i] - other.sums[i]);
            counted[i] = Math.max(0, counted[i] - other.counted[i]);
            due[i] = Math.max(0, due[i] - other.due[i]);
            known[i] = Math.max(0, known[i] - other.known[i]);
            ran[i] = Math.max(0, ran[i] - other.ran[i]);
        }
    }

    /**
     * The sum for all threads: those that ran for too short to get a turn count as the others did. NaN when the event should
     * have counted and never did; 0 when no thread ran at all.
     */
    double value(int event) {
        return due[event] == 0 ? 0 : known[event] == 0 ? Double.NaN : sums[event] * (due[event] / known[event]);
    }

    double counted(int event) {
        return counted[event];
    }

    double due(int event) {
        return due[event];
    }

    double ran(int event) {
        return ran[event];
    }
}
