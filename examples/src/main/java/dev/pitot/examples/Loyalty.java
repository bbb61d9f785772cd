package dev.pitot.examples;

import java.util.Arrays;
import java.util.Random;

/**
 * Sorts customers into two tiers by their points: the same points, the same instructions, in two orders. In the order in which
 * customers came no branch predictor can know the next tier, and about every second branch is missed; in ascending order it is
 * wrong once. Immutable after construction, so any thread may call any method.
 */
final class Loyalty {
    /** How many customers collect points. 64 KiB of points stay within the caches: only branches differ. */
    static final int MEMBERS = 1 << 16;

    private static final int PASSES = 16;

    private final byte[] asTheyCame = new byte[MEMBERS];
    private final byte[] ascending;

    Loyalty(long seed) {
        new Random(seed).nextBytes(asTheyCame);
        ascending = asTheyCame.clone();
        Arrays.sort(ascending);
    }

    /** Customers with points above the line. */
    int gold(boolean sorted) {
        byte[] points = sorted ? ascending : asTheyCame;
        int gold = 0;
        for (int pass = 0; pass < PASSES; pass++) {
            gold = gold(points);
        }
        return gold;
    }

    /** The tiers are written to, so that the compiler cannot turn the branch into a conditional move. */
    private static int gold(byte[] points) {
        int[] gold = new int[8];
        int[] silver = new int[8];
        for (byte each : points) {
            if (each >= 0) {
                gold[each & 7]++;
            } else {
                silver[each & 7]++;
            }
        }
        return Arrays.stream(gold).sum();
    }
}
