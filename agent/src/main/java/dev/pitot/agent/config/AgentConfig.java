package dev.pitot.agent.config;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything that can be set, checked, immutable. The keys, defaults and ranges are in {@code docs/spec/configuration.md};
 * {@link ConfigSources} reads them.
 *
 * @param enabled false: the agent does nothing, and no other value here is checked
 * @param maxSize bytes of backlog that the JFR repository keeps
 * @param slow requests at least this long always become single events
 * @param eventsPerSecond other requests that become single events
 * @param maxRoutes distinct endpoints kept apart
 */
public record AgentConfig(
        boolean enabled,
        CollectorAddress collector,
        @Nullable String token,
        @Nullable Path tokenFile,
        String service,
        Map<String, String> labels,
        long maxSize,
        Duration maxAge,
        Counting counters,
        boolean http,
        Duration slow,
        int eventsPerSecond,
        int maxRoutes) {
    /** How far the agent goes to count. */
    public enum Counting {
        /** No native code at all. */
        NONE,
        /** Whatever can be had without a risk for the JVM. */
        DEFAULT,
        /** perf_event even under a seccomp filter that may kill. */
        PERF
    }

    public AgentConfig {
        labels = Map.copyOf(labels);
    }

    @Override
    public String toString() {
        // The record's own would print the token.
        return "AgentConfig[service=" + service + ", collector=" + collector + "]";
    }
}
