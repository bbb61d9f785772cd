package dev.pitot.examples;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;

/**
 * Who looked at what next, as a chain through 64 MiB: more than most last-level caches, and 16 000 pages for the TLB. Each step needs
 * the memory that the step before it read, 20 000 steps pass nearly as many cache lines, and all visits are one cycle, so the walk
 * never comes back to what a cache still holds. Outside of the heap, where no collector copies it. Immutable after construction, so
 * any thread may call any method.
 */
final class Visits {
    private static final int VISITS = 1 << 24;
    static final int STEPS = 20_000;

    private final IntBuffer next;

    /** Fills it in the order of addresses, which takes 40 ms; a shuffle would take a second. */
    Visits() {
        next = ByteBuffer.allocateDirect(VISITS * Integer.BYTES)
                .order(ByteOrder.nativeOrder())
                .asIntBuffer();
        for (int visit = 0; visit < VISITS; visit++) {
            // A linear congruential generator whose period is all of 2^24 (Hull and Dobell: odd increment, factor 1
            // modulo 4).
            next.put(visit, (visit * 0x2C9277B5 + 0x9E3779B9) & (VISITS - 1));
        }
    }

    /** How often each product was looked at on a walk of {@value #STEPS} visits that begins with this customer's. */
    int[] seen(int customer, int products) {
        int[] seen = new int[products];
        int visit = first(customer);
        for (int step = 0; step < STEPS; step++) {
            visit = after(visit);
            seen[visit % products]++;
        }
        return seen;
    }

    static int first(int customer) {
        return customer * 0x9E3779B9 & VISITS - 1;
    }

    int after(int visit) {
        return next.get(visit);
    }
}
