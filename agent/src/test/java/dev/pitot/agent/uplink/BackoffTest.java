package dev.pitot.agent.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BackoffTest {
    @Test
    void pausesDoubleFromOneSecondToSixtyWithARandomFactor() {
        Backoff backoff = new Backoff(new SplittableRandom(1));
        for (long base : new long[] {1, 2, 4, 8, 16, 32, 60, 60}) {
            assertThat(backoff.next()).isBetween(base * 500, base * 1500);
        }
        backoff.reset();
        assertThat(backoff.next()).isBetween(500L, 1500L);
    }
}
