package dev.pitot.agent.uplink;

import java.util.SplittableRandom;

/** Pauses after failures: 1 s doubling to 60 s, each with a random factor of 0.5 to 1.5. One thread. */
final class Backoff {
    private static final long FIRST = 1_000;
    private static final long MOST = 60_000;

    private final SplittableRandom random;
    private long base = FIRST;

    Backoff() {
        this(new SplittableRandom());
    }

    Backoff(SplittableRandom random) {
        this.random = random;
    }

    /** Milliseconds to wait after one more failure. */
    long next() {
        long pause = (long) (base * random.nextDouble(0.5, 1.5));
        base = Math.min(MOST, base * 2);
        return pause;
    }

    void reset() {
        base = FIRST;
    }
}
