package dev.pitot.web.store;

import dev.pitot.web.live.JvmInfo;
import org.jspecify.annotations.Nullable;

/**
 * One JVM as the store knows it.
 *
 * @param information the fields of its newest {@code pitot.JvmInformation} as a JSON object, or null before the first
 * @param firstSeenMillis first request, milliseconds since the epoch, the collector's clock
 * @param lastSeenMillis last request, the same
 * @param ended the JVM said that it ended
 * @param clockSkewNanos the JVM's clock minus the collector's at the last request, transport included
 */
public record JvmRow(
        JvmInfo info,
        @Nullable String information,
        long firstSeenMillis,
        long lastSeenMillis,
        boolean ended,
        long clockSkewNanos) {}
