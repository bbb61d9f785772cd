package dev.pitot.web.live;

import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The {@code Jvm} of {@code docs/spec/api.md}. Times are milliseconds since the epoch.
 *
 * @param lastData time of the newest sample in memory (the JVM's clock), or null
 */
public record JvmSummary(
        UUID id,
        String service,
        String host,
        long pid,
        String java,
        String jvm,
        String agent,
        Map<String, String> labels,
        long started,
        long firstSeen,
        long lastSeen,
        @Nullable Long lastData,
        String state,
        Latest latest,
        @Nullable String gap) {

    /**
     * Newest values; null where unknown or older than 30 s.
     *
     * @param cpu share of the machine, 0 to 1
     * @param heapUsed bytes, like {@code heapMax}
     * @param requestRate per second over the last 10 s, like {@code errorRate}
     * @param p99 milliseconds, over the last 10 s
     */
    public record Latest(
            @Nullable Double cpu,
            @Nullable Double heapUsed,
            @Nullable Double heapMax,
            @Nullable Double threads,
            @Nullable Double requestRate,
            @Nullable Double errorRate,
            @Nullable Double p99) {}
}
