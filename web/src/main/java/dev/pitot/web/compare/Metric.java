package dev.pitot.web.compare;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The figures that are compared; {@code docs/compare.md} has the same table. Each is a quotient of two sums, or a percentile. */
public enum Metric {
    CPU_CORES("cpuCores", Kinds.PROCESS, "CPUs", 1, Better.NEITHER),
    PROCESS_CPU("cpuPerRequest", Kinds.PROCESS, "ms", 1e-6, Better.LESS),
    RUN_QUEUE_SHARE("runQueueWaitShare", Kinds.PROCESS, "share", 1, Better.LESS),
    GC_PAUSE_SHARE("gcPauseShare", Kinds.PROCESS, "share", 1, Better.LESS),
    HEAP_USED("heapUsed", Kinds.PROCESS, "B", 1, Better.LESS),
    RESIDENT_SIZE("residentSize", Kinds.PROCESS, "B", 1, Better.LESS),
    ALLOCATION_RATE("allocationRate", Kinds.PROCESS, "B/s", 1e9, Better.NEITHER),
    THREADS("threads", Kinds.PROCESS, "", 1, Better.NEITHER),
    CONTEXT_SWITCHES_PER_SECOND("contextSwitchesPerSecond", Kinds.PROCESS, "1/s", 1e9, Better.NEITHER),
    PAGE_FAULTS_PER_SECOND("pageFaultsPerSecond", Kinds.PROCESS, "1/s", 1e9, Better.NEITHER),
    RATE("rate", Kinds.SPANS, "1/s", 1, Better.NEITHER),
    ERROR_SHARE("errorShare", Kinds.SPANS, "share", 1, Better.LESS),
    MEAN("mean", Kinds.SPANS, "ms", 1e-6, Better.LESS),
    P50("p50", Kinds.SPANS, 0.5),
    P90("p90", Kinds.SPANS, 0.9),
    P99("p99", Kinds.SPANS, 0.99),
    CPU("cpu", Kinds.SPANS, "ms", 1e-6, Better.LESS),
    RUN_QUEUE_WAIT("runQueueWait", Kinds.SPANS, "ms", 1e-6, Better.LESS),
    ALLOCATED("allocated", Kinds.SPANS, "B", 1, Better.LESS),
    CONTEXT_SWITCHES("contextSwitches", Kinds.SPANS, "", 1, Better.LESS),
    PAGE_FAULTS("pageFaults", Kinds.SPANS, "", 1, Better.LESS),
    INSTRUCTIONS("instructions", Kinds.SPANS, "", 1, Better.LESS),
    CYCLES("cycles", Kinds.SPANS, "", 1, Better.LESS),
    SQL_STATEMENTS("sqlStatements", Kinds.REQUESTS, "", 1, Better.LESS),
    HTTP_CALLS("httpCalls", Kinds.REQUESTS, "", 1, Better.LESS),
    IPC("ipc", Kinds.ALL, "", 1, Better.MORE),
    CACHE_MPKI("cacheMpki", Kinds.ALL, "", 1000, Better.LESS),
    BRANCH_MPKI("branchMpki", Kinds.ALL, "", 1000, Better.LESS);

    /** Which way is better. */
    enum Better {
        LESS,
        MORE,
        /** It goes with the load, or is a matter of taste. */
        NEITHER
    }

    private static final class Kinds {
        static final Set<Kind> ALL = EnumSet.allOf(Kind.class);
        static final Set<Kind> PROCESS = EnumSet.of(Kind.PROCESS);
        static final Set<Kind> SPANS = EnumSet.complementOf(EnumSet.of(Kind.PROCESS));
        static final Set<Kind> REQUESTS = EnumSet.of(Kind.REQUESTS, Kind.ENDPOINT);
    }

    private final String label;
    private final Set<Kind> kinds;
    private final String unit;
    private final double scale;
    private final Better better;
    private final double percentile;

    Metric(String label, Set<Kind> kinds, String unit, double scale, Better better) {
        this(label, kinds, unit, scale, better, Double.NaN);
    }

    Metric(String label, Set<Kind> kinds, double percentile) {
        this(label, kinds, "ms", 1e-6, Better.LESS, percentile);
    }

    Metric(String label, Set<Kind> kinds, String unit, double scale, Better better, double percentile) {
        this.label = label;
        this.kinds = kinds;
        this.unit = unit;
        this.scale = scale;
        this.better = better;
        this.percentile = percentile;
    }

    /** Its name in the API and in conditions of the gate. */
    public String label() {
        return label;
    }

    /** Empty for a plain number. */
    public String unit() {
        return unit;
    }

    /** Whether the kind has this metric. */
    public boolean isOf(Kind kind) {
        return kinds.contains(kind);
    }

    /** What a quotient of the sums, or nanoseconds, are multiplied by to be in its unit. */
    double scale() {
        return scale;
    }

    Better better() {
        return better;
    }

    /** A share of something, whose changes are differences: from 0 there is no other. */
    boolean isShare() {
        return unit.equals("share");
    }

    boolean isPercentile() {
        return !Double.isNaN(percentile);
    }

    double percentile() {
        return percentile;
    }

    static List<Metric> of(Kind kind) {
        return Arrays.stream(values()).filter(metric -> metric.isOf(kind)).toList();
    }

    /** The metric of this name. */
    public static Optional<Metric> of(String label) {
        return Arrays.stream(values())
                .filter(metric -> metric.label.equals(label))
                .findFirst();
    }
}
