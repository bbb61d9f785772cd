package dev.pitot.web.live;

/**
 * One {@code pitot.EndpointSummary}: what one endpoint served in about a second. Times are nanoseconds, {@code NaN} where unknown.
 *
 * @param async requests of {@code count} that were left to another thread: their durations are in no sum and not in the histogram
 * @param histogram {@code bucket:count} pairs as in {@code docs/spec/events.md}
 */
public record EndpointSecond(
        long timeMillis,
        String method,
        String route,
        long intervalNanos,
        long count,
        long errors,
        long async,
        long totalNanos,
        long maxNanos,
        String histogram,
        long measured,
        long cpuNanos,
        long allocatedBytes,
        long counted,
        double cycles,
        double instructions,
        double cacheMisses,
        double branchMisses) {}
