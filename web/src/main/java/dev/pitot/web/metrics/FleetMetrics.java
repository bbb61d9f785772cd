package dev.pitot.web.metrics;

import dev.pitot.web.live.JvmSummary;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The newest values of each JVM. Any thread. */
final class FleetMetrics {
    private FleetMetrics() {}

    static void add(Families families, List<JvmSummary> fleet) {
        for (JvmSummary jvm : fleet) {
            if (jvm.state().equals("ended")) {
                continue; // on purpose: nobody wants to be woken for it
            }
            String[] labels = {
                "service", jvm.service(), "host", jvm.host(), "jvm", jvm.id().toString()
            };
            JvmSummary.Latest latest = jvm.latest();
            families.gauge(
                    "pitot_jvm_up",
                    "Whether the JVM was heard of within the last 30 s; one that has ended is not listed.",
                    jvm.state().equals("live") ? 1 : 0,
                    labels);
            families.gauge(
                    "pitot_jvm_last_seen_timestamp_seconds",
                    "When the JVM was heard of last.",
                    jvm.lastSeen() / 1e3,
                    labels);
            families.gauge(
                    "pitot_jvm_cpu_ratio", "CPU time of the JVM, as a share of the machine.", latest.cpu(), labels);
            families.gauge("pitot_jvm_heap_used_bytes", "Heap in use.", latest.heapUsed(), labels);
            families.gauge("pitot_jvm_heap_max_bytes", "The most the heap may grow to.", latest.heapMax(), labels);
            families.gauge("pitot_jvm_threads", "Platform threads.", latest.threads(), labels);
            families.gauge(
                    "pitot_jvm_requests_per_second",
                    "Requests that ended, the mean of the last 10 s.",
                    latest.requestRate(),
                    labels);
            families.gauge(
                    "pitot_jvm_errors_per_second",
                    "Requests that failed, the mean of the last 10 s.",
                    latest.errorRate(),
                    labels);
            families.gauge(
                    "pitot_jvm_request_duration_p99_seconds",
                    "99th percentile of the duration of requests over the last 10 s, 3 % off at most.",
                    seconds(latest.p99()),
                    labels);
        }
    }

    private static @Nullable Double seconds(@Nullable Double millis) {
        return millis == null ? null : (Double) (millis / 1e3);
    }
}
