package dev.pitot.agent.spans;

import org.jspecify.annotations.Nullable;

/**
 * Counts of the buckets of {@link Buckets}, kept by powers of two, each of which takes memory when a duration first falls into it:
 * 80 bytes, where the whole row would take 4 KB. Used by one thread at a time.
 */
final class Histogram {
    private static final int OCTAVE = 16;

    private int @Nullable [] @Nullable [] octaves;

    /** Makes room first, so that a full heap leaves the counts as they were. */
    void add(int bucket) {
        int[][] all = octaves;
        if (all == null) {
            all = new int[Buckets.COUNT / OCTAVE][];
            octaves = all;
        }
        int[] octave = all[bucket / OCTAVE];
        if (octave == null) {
            octave = new int[OCTAVE];
            all[bucket / OCTAVE] = octave;
        }
        octave[bucket % OCTAVE]++;
    }

    /** Adds the counts to those of a full row and sets them to zero; keeps the memory. */
    void drainTo(int[] row) {
        int[][] all = octaves;
        if (all == null) {
            return;
        }
        for (int i = 0; i < all.length; i++) {
            int[] octave = all[i];
            for (int j = 0; octave != null && j < OCTAVE; j++) {
                row[i * OCTAVE + j] += octave[j];
                octave[j] = 0;
            }
        }
    }

    /** Gives the memory back; counts not drained are lost. */
    void release() {
        octaves = null;
    }
}
