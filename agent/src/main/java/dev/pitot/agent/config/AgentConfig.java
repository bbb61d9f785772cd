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
 * @param host sample the machine, disks, network, pressure and cgroup
 * @param hostCores events for each CPU of the machine
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
        CounterChoice counters,
        boolean host,
        Cores hostCores,
        boolean http,
        Duration slow,
        int eventsPerSecond,
        int maxRoutes) {
    /** Whether each CPU of the machine has an event of its own. */
    public enum Cores {
        /** Unless there are so many that their events would be most of the recording. */
        AUTO,
        TRUE,
        FALSE
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
