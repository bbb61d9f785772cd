package dev.pitot.web.store;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;

/** Event types that become rows in every database, as {@code docs/spec/events.md} lists them; all others stay in the recording. */
public final class StoredTypes {
    /** Kept as columnar blocks of a minute. */
    public static final Set<String> METRICS = Set.of(
            "pitot.ProcessCounters",
            "pitot.JvmMemory",
            "pitot.HostCpu",
            "pitot.HostMemory",
            "pitot.HostPaging",
            "pitot.HostTcp",
            "pitot.CgroupCpu",
            "pitot.CgroupMemory",
            "pitot.AgentCost",
            "jdk.CPULoad",
            "jdk.JavaThreadStatistics",
            "jdk.ClassLoadingStatistics");

    /** Kept as columnar blocks of a minute, a block for each key: the fields, text or whole numbers, that make the key. */
    public static final Map<String, List<String>> KEYED_METRICS = Map.of(
            "pitot.ThreadKindCounters", List.of("kind"),
            "pitot.TopThread", List.of("thread", "osThreadId"),
            "pitot.Counter", List.of("scope", "name"),
            "pitot.HostCounters", List.of("cpu"),
            "pitot.HostCore", List.of("core"),
            "pitot.HostDisk", List.of("device"),
            "pitot.HostFileSystem", List.of("mount"),
            "pitot.HostNetwork", List.of("device"),
            "pitot.Pressure", List.of("scope", "resource"));

    /** Events that are counted by the minute too, for each key: the fields that make the key. */
    public static final Map<String, List<String>> COUNTED = Map.of(
            "pitot.EndpointSummary", List.of("method", "route"),
            "pitot.StatementSummary", List.of("statement"),
            "pitot.CallSummary", List.of("target"),
            "pitot.PoolSummary", List.of("pool"),
            "pitot.LoggedErrors", List.of("logger"),
            "jdk.GarbageCollection", List.of("name"));

    /** Characters of a key. */
    public static final int LONGEST_KEY = 200;

    /** Kept as a row each. */
    public static final Set<String> EVENTS = Set.of(
            "pitot.EndpointSummary",
            "pitot.StatementSummary",
            "pitot.CallSummary",
            "pitot.PoolSummary",
            "pitot.LoggedErrors",
            "pitot.HttpRequest",
            "pitot.HttpCall",
            "pitot.SqlStatement",
            "pitot.ConnectionWait",
            "pitot.AgentStatus",
            "pitot.Diagnosis",
            "pitot.JvmInformation",
            "jdk.GarbageCollection",
            "jdk.GCHeapSummary",
            "jdk.JavaMonitorEnter",
            "jdk.JavaErrorThrow");

    /** Events of one span, each with its duration and whether it failed. */
    public static final List<String> SPANS =
            List.of("pitot.HttpRequest", "pitot.HttpCall", "pitot.SqlStatement", "pitot.ConnectionWait");

    /** Events that repeat the text of a statement, which is kept once, under the hash that is their other field. */
    public static final Set<String> WITH_SQL = Set.of("pitot.StatementSummary", "pitot.SqlStatement");

    /** Characters of a statement's hash; an agent's has 16. */
    public static final int LONGEST_STATEMENT = 64;

    private StoredTypes() {}

    /** Whether samples of this type become blocks, keyed or not. */
    public static boolean isMetric(String type) {
        return METRICS.contains(type) || KEYED_METRICS.containsKey(type);
    }

    /** The fields that make the key of a type; empty when it has none. */
    public static List<String> keyFields(String type) {
        List<String> metric = KEYED_METRICS.get(type);
        return metric != null ? metric : COUNTED.getOrDefault(type, List.of());
    }

    /** A key as it is stored. Two that are longer than one may be stay two: a checksum of the whole takes the place of what is cut. */
    public static String key(String text) {
        String key = text;
        if (key.length() > LONGEST_KEY) {
            CRC32 checksum = new CRC32();
            checksum.update(key.getBytes(StandardCharsets.UTF_8));
            key = key.substring(0, LONGEST_KEY - 9) + String.format("\u2026%08x", checksum.getValue());
        }
        return Json.storable(key);
    }
}
