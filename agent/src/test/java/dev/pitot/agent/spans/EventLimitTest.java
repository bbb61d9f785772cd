package dev.pitot.agent.spans;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pitot.agent.config.SpanChoice;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class EventLimitTest {
    private static final long SLOW = 5_000_000;

    private final EventLimit limit = new EventLimit(new SpanChoice(true, Duration.ofNanos(SLOW), 200, 10));

    private int taken(int spans, long duration, boolean failed, boolean timed) {
        Done done = new Done(0);
        done.clear();
        done.duration = duration;
        done.failed = failed;
        done.timed = timed;
        int taken = 0;
        for (int i = 0; i < spans; i++) {
            taken += limit.take(done) ? 1 : 0;
        }
        return taken;
    }

    @Test
    void slowAndFailedOnesHaveALimitOfTheirOwnAndBothAreThoseOfASecond() {
        for (int second = 0; second < 3; second++) {
            assertThat(taken(300, SLOW - 1, false, true)).isEqualTo(200);
            assertThat(taken(1500, SLOW, false, true)).isEqualTo(1500);
            assertThat(taken(1500, 0, true, true)).isEqualTo(500);
            assertThat(taken(1, SLOW, false, true)).isZero();
            limit.refill();
        }
        assertThat(taken(300, SLOW, false, false))
                .as("of no known duration, so not slow")
                .isEqualTo(200);
    }

    @Test
    void slowAndFailedOnesAreKeptWhereNoOthersAre() {
        EventLimit none = new EventLimit(new SpanChoice(true, Duration.ofNanos(SLOW), 0, 10));
        Done done = new Done(0);
        done.clear();
        assertThat(none.take(done)).isFalse();
        done.duration = SLOW;
        assertThat(none.take(done)).isTrue();
    }
}
