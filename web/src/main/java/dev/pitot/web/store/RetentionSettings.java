package dev.pitot.web.store;

import java.time.Duration;
import java.util.stream.Stream;

/**
 * Age at which stored rows are dropped, in whole partitions at a time.
 *
 * @param events single events
 * @param segments the bytes of the recordings
 * @param blocks metric samples
 * @param minutes what they came to by the minute
 * @param quarters by the quarter of an hour
 * @param hours by the hour
 */
public record RetentionSettings(
        Duration events, Duration segments, Duration blocks, Duration minutes, Duration quarters, Duration hours) {
    /** Refuses what cannot be. */
    public RetentionSettings {
        if (Stream.of(events, segments, blocks, minutes, quarters, hours).anyMatch(Duration::isNegative)) {
            throw new IllegalArgumentException("A retention cannot be negative.");
        }
    }

    /** Events 6 h, recording bytes and metric blocks 48 h, minutes 30 d, quarters of an hour 90 d, hours 2 years. */
    public static RetentionSettings standard() {
        return new RetentionSettings(
                Duration.ofHours(6),
                Duration.ofHours(48),
                Duration.ofHours(48),
                Duration.ofDays(30),
                Duration.ofDays(90),
                Duration.ofDays(730));
    }

    /** The same with other ages of what is kept shortest. */
    public RetentionSettings with(Duration events, Duration segments, Duration blocks) {
        return new RetentionSettings(events, segments, blocks, minutes, quarters, hours);
    }
}
