package dev.pitot.web.live;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one endpoint served over a window, as the API shows it.
 *
 * @param async requests of {@code count} that were left to another thread; no duration here is of them, and their cost is that of
 *     their first thread
 * @param rate requests per second
 * @param mean milliseconds, like all durations here
 * @param cpu milliseconds of CPU time per request that was measured
 * @param allocated bytes per request that was measured
 * @param cycles per request that was counted, like those that follow
 */
public record Endpoint(
        String method,
        String route,
        long count,
        long errors,
        long async,
        double rate,
        @Nullable Double mean,
        @Nullable Double p50,
        @Nullable Double p90,
        @Nullable Double p99,
        @Nullable Double max,
        @Nullable Double cpu,
        @Nullable Double allocated,
        @Nullable Double cycles,
        @Nullable Double instructions,
        @Nullable Double cacheMisses,
        @Nullable Double branchMisses) {

    private record Key(String method, String route) {}

    private static final class Sum {
        long count;
        long errors;
        long async;
        long totalNanos;
        long maxNanos;
        final DurationHistogram histogram = new DurationHistogram();
        final PerRequest cpu = new PerRequest();
        final PerRequest allocated = new PerRequest();
        final PerRequest cycles = new PerRequest();
        final PerRequest instructions = new PerRequest();
        final PerRequest cacheMisses = new PerRequest();
        final PerRequest branchMisses = new PerRequest();

        /** Requests whose whole duration is known. */
        long timed() {
            return count - async;
        }

        void add(EndpointSecond s) {
            count += s.count();
            errors += s.errors();
            async += Math.max(0, s.async());
            totalNanos += s.totalNanos();
            maxNanos = Math.max(maxNanos, s.maxNanos());
            histogram.add(s.histogram());
            // A negative sum is the wire's "could not be had".
            cpu.add(s.cpuNanos() < 0 ? Double.NaN : s.cpuNanos(), s.measured());
            allocated.add(s.allocatedBytes() < 0 ? Double.NaN : s.allocatedBytes(), s.measured());
            cycles.add(s.cycles(), s.counted());
            instructions.add(s.instructions(), s.counted());
            cacheMisses.add(s.cacheMisses(), s.counted());
            branchMisses.add(s.branchMisses(), s.counted());
        }
    }

    /** A sum and the requests that it was measured on: seconds in which it could not be had do not dilute it. */
    private static final class PerRequest {
        private double sum;
        private long requests;

        void add(double value, long on) {
            if (!Double.isNaN(value) && on > 0) {
                sum += value;
                requests += on;
            }
        }

        @Nullable
        Double mean(double unit) {
            return requests == 0 ? null : sum / requests / unit;
        }
    }

    /**
     * Adds up seconds by method and route; the busiest endpoint is first.
     *
     * @param windowMillis length of the window that the rate refers to; less than a second counts as one
     */
    public static List<Endpoint> over(Iterable<EndpointSecond> seconds, long windowMillis) {
        Map<Key, Sum> sums = new HashMap<>();
        for (EndpointSecond second : seconds) {
            sums.computeIfAbsent(new Key(second.method(), second.route()), k -> new Sum())
                    .add(second);
        }
        double window = Math.max(1000, windowMillis) / 1000.0;
        List<Endpoint> endpoints = new ArrayList<>(sums.size());
        sums.forEach((key, sum) -> endpoints.add(new Endpoint(
                key.method(),
                key.route(),
                sum.count,
                sum.errors,
                sum.async,
                sum.count / window,
                sum.timed() <= 0 ? null : sum.totalNanos / 1e6 / sum.timed(),
                percentile(sum, 0.5),
                percentile(sum, 0.9),
                percentile(sum, 0.99),
                sum.timed() <= 0 ? null : sum.maxNanos / 1e6,
                sum.cpu.mean(1e6),
                sum.allocated.mean(1),
                sum.cycles.mean(1),
                sum.instructions.mean(1),
                sum.cacheMisses.mean(1),
                sum.branchMisses.mean(1))));
        endpoints.sort(Comparator.comparingLong(Endpoint::count)
                .reversed()
                .thenComparing(Endpoint::route)
                .thenComparing(Endpoint::method));
        return endpoints;
    }

    private static @Nullable Double percentile(Sum sum, double share) {
        // The middle of the top bucket can lie above the true maximum, which is known exactly.
        return sum.histogram.total() == 0 ? null : Math.min(sum.histogram.percentile(share), sum.maxNanos) / 1e6;
    }
}
