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
 * @param http requests served
 * @param sql statements run and connections waited for
 * @param calls HTTP calls made
 * @param follow requests are followed to other threads
 * @param waits the JDK's blocking methods are instrumented, for the parts of a span's time
 * @param log log events at level ERROR are counted
 * @param shown what single events carry of what clients wrote
 * @param budget what the agent may cost, as a part of the CPU time of the process or of one CPU, whichever is more; 1 and above: as much as it
 *     takes
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
        SpanChoice http,
        SpanChoice sql,
        SpanChoice calls,
        boolean follow,
        boolean waits,
        boolean log,
        ShownChoice shown,
        double budget) {
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
