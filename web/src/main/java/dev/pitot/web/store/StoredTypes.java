package dev.pitot.web.store;

import java.util.Set;

/** Event types that become rows in every database, as {@code docs/spec/events.md} lists them; all others stay in the recording. */
public final class StoredTypes {
    /** Kept as columnar blocks of a minute. */
    public static final Set<String> METRICS = Set.of(
            "pitot.ProcessCounters",
            "pitot.JvmMemory",
            "jdk.CPULoad",
            "jdk.JavaThreadStatistics",
            "jdk.ClassLoadingStatistics");

    /** Kept as a row each. */
    public static final Set<String> EVENTS = Set.of(
            "pitot.EndpointSummary",
            "pitot.HttpRequest",
            "pitot.AgentStatus",
            "pitot.JvmInformation",
            "jdk.GarbageCollection",
            "jdk.GCHeapSummary",
            "jdk.JavaMonitorEnter",
            "jdk.JavaErrorThrow");

    private StoredTypes() {}
}
