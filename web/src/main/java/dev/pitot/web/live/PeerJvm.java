package dev.pitot.web.live;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one collector tells another of a JVM that it is sent.
 *
 * @param lastData time of the newest sample, milliseconds since the epoch, the JVM's clock
 * @param gap as in {@link JvmSummary}
 */
public record PeerJvm(
        UUID id,
        long lastData,
        JvmSummary.Latest latest,
        @Nullable String gap) {}
