package dev.pitot.web.store;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Whether the clock can be believed when it says that everything is old. A clock that jumps to 2040 must not drop a whole history.
 * One thread.
 */
final class ClockCheck {
    private static final Duration MOST_APART = Duration.ofHours(1);
    private static final Duration LONG_AWAY = Duration.ofDays(2);
    private static final Duration HELD = Duration.ofHours(1);

    private final Instant startedAt;
    private final long startedNanos;
    private final @Nullable Instant newest;

    /** @param newest when anything was stored last before this start; null for an empty database */
    ClockCheck(Instant now, long nanos, @Nullable Instant newest) {
        this.startedAt = now;
        this.startedNanos = nanos;
        this.newest = newest;
    }

    /**
     * Why nothing should be dropped now, or null.
     *
     * @param now by the clock of this machine
     * @param nanos by one that does not jump
     * @param databaseNow by the clock of the database
     */
    @Nullable
    String doubt(Instant now, long nanos, Instant databaseNow) {
        Duration apart = Duration.between(databaseNow, now);
        if (apart.abs().compareTo(MOST_APART) > 0) {
            return "the clock here says " + now + " and that of the database " + databaseNow
                    + "; set the wrong one right.";
        }
        Duration ran = Duration.ofNanos(nanos - startedNanos);
        Duration jumped = Duration.between(startedAt, now).minus(ran);
        if (jumped.compareTo(MOST_APART) > 0) {
            return "the clock has jumped ahead by " + jumped.toHours() + " h to " + now
                    + " since the start; if it is right, restart the collector.";
        }
        if (newest != null && Duration.between(newest, startedAt).compareTo(LONG_AWAY) > 0 && ran.compareTo(HELD) < 0) {
            return "the newest data is of " + newest + " and the clock says " + now
                    + ": if that is wrong, set the clock right within an hour and restart.";
        }
        return null;
    }
}
