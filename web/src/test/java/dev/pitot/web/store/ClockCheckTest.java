package dev.pitot.web.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ClockCheckTest {
    private static final Instant START = Instant.parse("2026-11-25T12:00:00Z");

    private static long hours(long hours) {
        return Duration.ofHours(hours).toNanos();
    }

    @Test
    void aClockThatGoesAsTimeDoesIsBelieved() {
        ClockCheck check = new ClockCheck(START, 0, START.minusSeconds(60));
        assertThat(check.doubt(START, 0, START.plusSeconds(5))).isNull();
        Instant later = START.plus(Duration.ofDays(100));
        assertThat(check.doubt(later, hours(2400), later)).isNull();
        assertThat(new ClockCheck(START, 0, null).doubt(START, 0, START))
                .as("an empty database")
                .isNull();
    }

    @Test
    void anotherTimeThanTheDatabasesIsNot() {
        Instant ahead = START.plus(Duration.ofDays(5000));
        assertThat(new ClockCheck(ahead, 0, ahead).doubt(ahead, 0, START)).contains("set the wrong one right");
    }

    @Test
    void aJumpWithTheDatabasesClockIsNot() {
        ClockCheck check = new ClockCheck(START, 0, START);
        Instant ahead = START.plus(Duration.ofDays(5000));
        assertThat(check.doubt(ahead, hours(1), ahead)).contains("jumped ahead");
        assertThat(check.doubt(START.plus(Duration.ofHours(1)), hours(1), START.plus(Duration.ofHours(1))))
                .isNull();
    }

    @Test
    void aStartLongAfterTheNewestDataWaitsForAnHour() {
        ClockCheck check = new ClockCheck(START, 0, START.minus(Duration.ofDays(5000)));
        assertThat(check.doubt(START, 0, START)).contains("within an hour");
        Instant later = START.plus(Duration.ofHours(1));
        assertThat(check.doubt(later, hours(1), later)).isNull();
    }
}
