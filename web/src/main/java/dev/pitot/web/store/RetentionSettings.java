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
    /** What is late comes until the end of the next day. */
    static final Duration LEAST_MINUTES = Duration.ofDays(2);

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

    /** The age of one tier. */
    public Duration of(Partitions.Table tier) {
        return switch (tier) {
            case EVENT -> events;
            case SEGMENT -> segments;
            case METRIC_BLOCK -> blocks;
            case METRIC_1M -> minutes;
            case METRIC_15M -> quarters;
            case METRIC_1H -> hours;
        };
    }

    /** The same with another age of one tier. */
    public RetentionSettings with(Partitions.Table tier, Duration age) {
        return new RetentionSettings(
                tier == Partitions.Table.EVENT ? age : events,
                tier == Partitions.Table.SEGMENT ? age : segments,
                tier == Partitions.Table.METRIC_BLOCK ? age : blocks,
                tier == Partitions.Table.METRIC_1M ? age : minutes,
                tier == Partitions.Table.METRIC_15M ? age : quarters,
                tier == Partitions.Table.METRIC_1H ? age : hours);
    }

    /**
     * The same with each coarser tier kept no shorter than the one it is made of, and minutes for two days: a bin is made anew
     * whole when something late comes for it, so what it is made of must still be there.
     */
    public RetentionSettings inOrder() {
        Duration m = longer(minutes, longer(blocks, LEAST_MINUTES));
        Duration q = longer(quarters, m);
        return new RetentionSettings(events, segments, blocks, m, q, longer(hours, q));
    }

    static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) < 0 ? b : a;
    }
}
