package dev.pitot.web.store;

import dev.pitot.web.live.SpanKind;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** The metrics that can be asked for: those of the table in {@code docs/spec/metrics.md}, and every field of a stored type. */
public final class Metrics {
    private static final Pattern FIELD = Pattern.compile("[A-Za-z_$][\\w$]{0,99}");
    private static final String PROCESS = "pitot.ProcessCounters";
    private static final String MILLIS = "ms";
    private static final double NANOS = 1e-9;

    private static final Map<String, Metric> DERIVED = derived();

    private Metrics() {}

    /** All that are computed, in the order of the table. */
    public static List<Metric> all() {
        return List.copyOf(DERIVED.values());
    }

    /** A metric by its name; empty when there is none of this name. */
    public static Optional<Metric> of(String name) {
        Metric derived = DERIVED.get(name);
        if (derived != null) {
            return Optional.of(derived);
        }
        int dot = name.lastIndexOf('.');
        if (dot < 0 || !FIELD.matcher(name.substring(dot + 1)).matches()) {
            return Optional.empty();
        }
        String type = name.substring(0, dot);
        String field = name.substring(dot + 1);
        if (!StoredTypes.isMetric(type) && !StoredTypes.COUNTED.containsKey(type)) {
            return Optional.empty();
        }
        return Optional.of(
                new Metric(name, type, new Metric.Values(field, 1), "", "the field `" + field + "` of " + type));
    }

    private static Map<String, Metric> derived() {
        Map<String, Metric> all = new LinkedHashMap<>();
        List<String> cpu = List.of("userTime", "systemTime?");
        quotient(all, "cpuCores", PROCESS, 1, cpu, List.of("interval"), "CPUs", "CPU time / interval");
        quotient(
                all,
                "runQueueWaitShare",
                PROCESS,
                1,
                List.of("runQueueWait"),
                List.of("runQueueWait", "userTime", "systemTime?"),
                "share",
                "runQueueWait / (runQueueWait + CPU time)");
        quotient(
                all,
                "contextSwitchesPerSecond",
                PROCESS,
                1e9,
                List.of("voluntaryContextSwitches", "involuntaryContextSwitches"),
                List.of("interval"),
                "1/s",
                "(voluntaryContextSwitches + involuntaryContextSwitches) / interval");
        quotient(
                all,
                "migrationsPerSecond",
                PROCESS,
                1e9,
                List.of("cpuMigrations"),
                List.of("interval"),
                "1/s",
                "cpuMigrations / interval");
        quotient(
                all,
                "pageFaultsPerSecond",
                PROCESS,
                1e9,
                List.of("minorFaults", "majorFaults"),
                List.of("interval"),
                "1/s",
                "(minorFaults + majorFaults) / interval");
        all.put(
                "ghz",
                new Metric(
                        "ghz",
                        PROCESS,
                        new Metric.Frequency(),
                        "GHz",
                        "cycles / CPU time, of user space alone where only that is counted"));
        counters(all, "", PROCESS, "");
        quotient(
                all,
                "cacheMissRate",
                PROCESS,
                1,
                List.of("cacheMisses"),
                List.of("cacheReferences"),
                "share",
                "cacheMisses / cacheReferences");
        quotient(
                all,
                "branchMissRate",
                PROCESS,
                1,
                List.of("branchMisses"),
                List.of("branches"),
                "share",
                "branchMisses / branches");
        quotient(
                all,
                "jvmCpuShare",
                "jdk.CPULoad",
                1,
                List.of("jvmUser", "jvmSystem"),
                List.of("jvmUser#n"),
                "share",
                "jvmUser + jvmSystem: the JVM's share of the machine");
        quotient(
                all,
                "hostCpuUtilisation",
                "pitot.HostCpu",
                1,
                List.of("userTime", "systemTime", "irqTime", "softIrqTime", "stealTime"),
                List.of("userTime", "systemTime", "irqTime", "softIrqTime", "stealTime", "ioWaitTime", "idleTime"),
                "share",
                "1 − (idleTime + ioWaitTime) / all times");
        quotient(
                all,
                "throttledShare",
                "pitot.CgroupCpu",
                1,
                List.of("throttledPeriods"),
                List.of("periods"),
                "share",
                "throttledPeriods / periods");
        quotient(
                all,
                "pressureShare",
                "pitot.Pressure",
                1,
                List.of("someTime"),
                List.of("interval"),
                "share",
                "someTime / interval");
        quotient(
                all,
                "kind.cpuCores",
                "pitot.ThreadKindCounters",
                1,
                List.of("cpuTime"),
                List.of("interval"),
                "CPUs",
                "cpuTime / interval of a kind of threads");
        counters(all, "kind.", "pitot.ThreadKindCounters", "");
        spans(all, "endpoint.", SpanKind.ENDPOINT);
        spans(all, "statement.", SpanKind.STATEMENT);
        spans(all, "call.", SpanKind.CALL);
        spans(all, "pool.", SpanKind.POOL);
        quotient(
                all,
                "endpoint.statementsPerRequest",
                SpanKind.ENDPOINT.type(),
                1,
                List.of("sqlStatements"),
                List.of("count"),
                "1",
                "sqlStatements / count");
        perSecond(all, "loggedErrorRate", "pitot.LoggedErrors", "count", 1, "1/s", "count per second");
        perSecond(all, "gcRate", "jdk.GarbageCollection", "count", 1, "1/s", "collections per second");
        perSecond(
                all,
                "gcPauseShare",
                "jdk.GarbageCollection",
                "sumOfPauses",
                NANOS,
                "share",
                "sumOfPauses per second: the share of the time in which the JVM stood still");
        return all;
    }

    private static void counters(Map<String, Metric> all, String prefix, String type, String total) {
        String instructions = total.isEmpty() ? "instructions" : total + "Instructions";
        String cycles = total.isEmpty() ? "cycles" : total + "Cycles";
        String cache = total.isEmpty() ? "cacheMisses" : total + "CacheMisses";
        String branch = total.isEmpty() ? "branchMisses" : total + "BranchMisses";
        quotient(
                all,
                prefix + "ipc",
                type,
                1,
                List.of(instructions),
                List.of(cycles),
                "instructions per cycle",
                instructions + " / " + cycles);
        quotient(
                all,
                prefix + "cacheMpki",
                type,
                1000,
                List.of(cache),
                List.of(instructions),
                "per 1000 instructions",
                "1000 × " + cache + " / " + instructions);
        quotient(
                all,
                prefix + "branchMpki",
                type,
                1000,
                List.of(branch),
                List.of(instructions),
                "per 1000 instructions",
                "1000 × " + branch + " / " + instructions);
    }

    private static void spans(Map<String, Metric> all, String prefix, SpanKind kind) {
        String type = kind.type();
        perSecond(all, prefix + "requestRate", type, "count", 1, "1/s", "count per second");
        quotient(all, prefix + "errorRate", type, 1, List.of("errors"), List.of("count"), "share", "errors / count");
        all.put(
                prefix + "duration",
                new Metric(
                        prefix + "duration",
                        type,
                        new Metric.Values("duration", 1e-6),
                        MILLIS,
                        "durations of those whose end was seen; ask for its percentiles"));
        quotient(
                all,
                prefix + "meanDuration",
                type,
                1e-6,
                List.of("duration"),
                List.of("duration#n"),
                MILLIS,
                "totalDuration / (count − untimed)");
        perSecond(all, prefix + "cpuCores", type, "totalCpuTime", NANOS, "CPUs", "totalCpuTime per second");
        quotient(
                all,
                prefix + "cpuPerRequest",
                type,
                1e-6,
                List.of("totalCpuTime"),
                List.of("measured"),
                MILLIS,
                "totalCpuTime / measured");
        perSecond(all, prefix + "allocationRate", type, "totalAllocated", 1, "B/s", "totalAllocated per second");
        quotient(
                all,
                prefix + "allocatedPerRequest",
                type,
                1,
                List.of("totalAllocated"),
                List.of("measured"),
                "B",
                "totalAllocated / measured");
        quotient(
                all,
                prefix + "instructionsPerRequest",
                type,
                1,
                List.of("totalInstructions"),
                List.of("counted"),
                "1",
                "totalInstructions / counted");
        counters(all, prefix, type, "total");
    }

    private static void quotient(
            Map<String, Metric> all,
            String name,
            String type,
            double scale,
            List<String> over,
            List<String> under,
            String unit,
            String definition) {
        all.put(name, new Metric(name, type, new Metric.Quotient(scale, over, under), unit, definition));
    }

    private static void perSecond(
            Map<String, Metric> all,
            String name,
            String type,
            String field,
            double scale,
            String unit,
            String definition) {
        all.put(name, new Metric(name, type, new Metric.PerSecond(field, scale), unit, definition));
    }
}
