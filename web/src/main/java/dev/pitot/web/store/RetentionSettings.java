package dev.pitot.web.store;

import java.time.Duration;

/** Age at which stored rows are dropped, in whole days of data at a time. */
public record RetentionSettings(Duration events, Duration segments, Duration blocks) {
    /** Refuses what cannot be. */
    public RetentionSettings {
        if (events.isNegative() || segments.isNegative() || blocks.isNegative()) {
            throw new IllegalArgumentException("A retention cannot be negative.");
        }
    }

    /** Events 6 h, recording bytes and metric blocks 48 h. */
    public static RetentionSettings standard() {
        return new RetentionSettings(Duration.ofHours(6), Duration.ofHours(48), Duration.ofHours(48));
    }
}
